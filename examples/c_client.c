/* The POSIX face from C: fetches a page over a stack of one's own.
 *   ./c_client tun:estab0 10.9.0.2/24 10.9.0.1 80 [/PATH] */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "estab/posix.h"

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s DEVICE ADDRESS/LENGTH SERVER PORT [PATH]\n", argv[0]);
    return 2;
  }
  estab_stack* stack = estab_stack_open(argv[1], argv[2], NULL);
  if (stack == NULL) {
    fprintf(stderr, "%s\n", estab_last_error());
    return 1;
  }
  struct sockaddr_in server;
  memset(&server, 0, sizeof server);
  server.sin_family = AF_INET;
  server.sin_port = htons((unsigned short)atoi(argv[4]));
  if (inet_pton(AF_INET, argv[3], &server.sin_addr) != 1) {
    fprintf(stderr, "%s is no IPv4 address\n", argv[3]);
    return 2;
  }
  int fd = estab_socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || estab_connect(fd, (struct sockaddr*)&server, sizeof server) < 0) {
    perror("connect");
    return 1;
  }
  char text[4096];
  int length = snprintf(text, sizeof text, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
                        argc > 5 ? argv[5] : "/", argv[3]);
  if (estab_send(fd, text, (size_t)length, 0) < 0) perror("send");
  ssize_t n;
  while ((n = estab_recv(fd, text, sizeof text, 0)) > 0) fwrite(text, 1, (size_t)n, stdout);
  if (n < 0) perror("recv");
  estab_close(fd);
  estab_stack_close(stack);
  return n < 0;
}
