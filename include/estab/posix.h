/* The POSIX face: sockets as descriptors, with POSIX's signatures and Linux's errno values. For C and
 * C++.
 *
 *   estab_stack *stack = estab_stack_open("tun:estab0", "10.0.0.2/24", NULL);
 *   if (stack == NULL) { puts(estab_last_error()); return 1; }
 *   estab_stack_start(stack);
 *   int fd = estab_socket(AF_INET, SOCK_STREAM, 0);
 *   estab_connect(fd, (struct sockaddr *)&server, sizeof server);
 *   estab_send(fd, "hello\n", 6, 0);
 *   estab_close(fd);
 *   estab_stack_close(stack);
 *
 * Descriptors are estab's own numbers, from ESTAB_FD_FIRST up, so that none looks like one of the
 * kernel's; the kernel does not know them: dup(2), select(2) and passing them on do not work. All
 * calls may be made from any thread. Each returns -1 and sets errno on failure, as its section 2 man
 * page says. SIGPIPE is never raised; MSG_NOSIGNAL is accepted. Calls are not ended by signals
 * (EINTR does not occur).
 */
#ifndef ESTAB_POSIX_H_
#define ESTAB_POSIX_H_

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The lowest descriptor. */
#define ESTAB_FD_FIRST (1 << 20)

/* --- stacks ------------------------------------------------------------------------------------ */

typedef struct estab_stack estab_stack;

/* Opens a stack. `device`: "tun:NAME", "tap:NAME", "packet:INTERFACE", or NULL for loopback alone.
 * `addresses`: "10.0.0.2/24,fd00::2/64". `options`: NULL, or words "name=value" between commas or
 * spaces:
 *   gateway=ADDRESS     a default route (one for each family)
 *   mtu=BYTES           of the device
 *   state=FILE          memory over a restart
 *   pcap=FILE           capture
 *   faults=SPEC         a bad link; its commas written as '+': faults=loss=2%+delay=20ms
 *   KNOB=NUMBER         any knob of `estab tuning`, e.g. time_wait=10
 * NULL on failure: errno, and in words estab_last_error(). The first stack of a process becomes the
 * one that estab_socket() uses. */
estab_stack* estab_stack_open(const char* device, const char* addresses, const char* options);
/* A thread that drives it. 0, or -1: EBUSY, EAGAIN. */
int estab_stack_start(estab_stack* stack);
void estab_stack_stop(estab_stack* stack); /* waits for it */
/* Stops it; its descriptors answer EBADF from now on, but must still be closed. NULL is no error. */
void estab_stack_close(estab_stack* stack);
/* One step without waiting. Milliseconds until the next one is due at the latest, -1: none is. */
int estab_stack_poll(estab_stack* stack);
/* For the kernel's poll(2): readable when estab_stack_poll() has work. */
int estab_stack_poll_fd(estab_stack* stack);
/* Sets a knob on the running stack. -1: EINVAL, with words. */
int estab_stack_tune(estab_stack* stack, const char* name, const char* value);
/* The value of a counter by its Linux name ("TcpExtListenOverflows"); 0 when there is none such. */
unsigned long long estab_stack_counter(const estab_stack* stack, const char* name);
/* Which stack estab_socket() makes sockets on: for the process; for this thread alone (NULL: as the
 * process). */
void estab_use_stack(estab_stack* stack);
void estab_use_stack_in_thread(estab_stack* stack);
/* What went wrong in this thread's last estab_stack_ call that failed, in one line; never NULL. */
const char* estab_last_error(void);

/* --- sockets: socket(2) and its fellows -------------------------------------------------------- */

/* AF_INET or AF_INET6, SOCK_STREAM (with SOCK_NONBLOCK, SOCK_CLOEXEC), 0 or IPPROTO_TCP. EMFILE:
 * max_descriptors; ENETDOWN: no stack. */
int estab_socket(int domain, int type, int protocol);
int estab_bind(int fd, const struct sockaddr* address, socklen_t length);
int estab_listen(int fd, int backlog);
int estab_accept(int fd, struct sockaddr* address, socklen_t* length);
int estab_accept4(int fd, struct sockaddr* address, socklen_t* length, int flags);
int estab_connect(int fd, const struct sockaddr* address, socklen_t length);
ssize_t estab_send(int fd, const void* bytes, size_t length, int flags);
ssize_t estab_recv(int fd, void* bytes, size_t length, int flags);
ssize_t estab_sendto(int fd, const void* bytes, size_t length, int flags,
                     const struct sockaddr* address, socklen_t address_length);
ssize_t estab_recvfrom(int fd, void* bytes, size_t length, int flags, struct sockaddr* address,
                       socklen_t* address_length);
ssize_t estab_sendmsg(int fd, const struct msghdr* message, int flags);
ssize_t estab_recvmsg(int fd, struct msghdr* message, int flags);
ssize_t estab_read(int fd, void* bytes, size_t length);
ssize_t estab_write(int fd, const void* bytes, size_t length);
ssize_t estab_readv(int fd, const struct iovec* pieces, int count);
ssize_t estab_writev(int fd, const struct iovec* pieces, int count);
int estab_shutdown(int fd, int how);
int estab_close(int fd);
int estab_getsockname(int fd, struct sockaddr* address, socklen_t* length);
int estab_getpeername(int fd, struct sockaddr* address, socklen_t* length);
int estab_getsockopt(int fd, int level, int name, void* value, socklen_t* length);
int estab_setsockopt(int fd, int level, int name, const void* value, socklen_t length);
/* F_GETFL and F_SETFL with O_NONBLOCK; F_GETFD and F_SETFD are accepted. */
int estab_fcntl(int fd, int command, ...);
/* FIONREAD, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO. */
int estab_ioctl(int fd, unsigned long request, ...);

/* --- waiting ----------------------------------------------------------------------------------- */

/* Of estab's descriptors, of one stack or several. Others answer POLLNVAL. */
int estab_poll(struct pollfd* fds, nfds_t count, int timeout_ms);
int estab_epoll_create1(int flags);
int estab_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event* event);
int estab_epoll_wait(int epoll_fd, struct epoll_event* events, int capacity, int timeout_ms);

#ifdef __cplusplus
}  // extern "C"

namespace estab {
class Stack;
// The C face's name for this stack: for estab_use_stack(). The stack must outlive its use; free it
// with estab_stack_close(), which does not close the stack itself.
estab_stack* posix_stack(Stack& stack);
}  // namespace estab
#endif

#endif /* ESTAB_POSIX_H_ */
