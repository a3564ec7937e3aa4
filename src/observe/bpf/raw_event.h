// What the kernel's side (trace.bpf.c) hands to the tool: read by both, so plain C of fixed size.
#pragma once
#ifdef __cplusplus
#include <linux/types.h>
namespace estab::observe::bpf {
#endif

enum raw_kind {
  RAW_STATE = 1,
  RAW_RESET_SENT,
  RAW_RESET_RECEIVED,
  RAW_RETRANSMIT,
  RAW_SYNACK_AGAIN,
  RAW_FIN_DROPPED,  // a FIN reached no whole socket: maybe a FIN-WAIT-2 record, now TIME-WAIT
  RAW_KINDS,
};

enum raw_flag {
  RAW_FIN_SEEN = 1,        // the peer's FIN has arrived (SOCK_DONE)
  RAW_ORPHAN = 2,          // no process holds it (SOCK_DEAD)
  RAW_OWNER_LISTENER = 4,  // the owner is the listener's: not accepted yet, as far as was seen
  RAW_OWNER_KNOWN = 8,     // the owner made, accepted or holds it
  RAW_AGE_FROM_RTT = 16,   // in_state_ns is the SYN,ACK's round trip
  RAW_BY_CALL = 32,        // a system call of `running` moved it
};

// Set before loading.
struct raw_constants {
  __u32 only_netns;  // inode number; 0: all namespaces
  __u32 kinds;       // bits: which kinds go to the ring buffer
  __u32 with_stacks;
  // Inode number of the process namespace whose numbers are told, 0: the first of all. What lives
  // outside of it has none.
  __u32 process_namespace;
};

// Who made or accepted a socket.
struct raw_owner {
  __u32 pid;  // of the process; 0: not known, or outside of the tracer's process namespace
  char command[16];
};

// In the kernel's socket storage, one for each socket that the tracer has met.
struct raw_life {
  __u64 since_ns;  // CLOCK_MONOTONIC when it came into `state`; 0: before the tracer began
  __u64 first_ns;  // when the tracer met it
  __u32 hops;      // transitions seen
  __u8 state;      // Linux's number
  __u8 previous;   // 0: none seen
  __u8 owner_is;   // 0, RAW_OWNER_LISTENER or RAW_OWNER_KNOWN
  __u8 eof_seen;   // a read returned 0
  struct raw_owner owner;
  __u32 reader;      // the process that read last; 0: none seen
  __s32 made_stack;  // numbers in the map of stacks; < 0: none
  __s32 read_stack;
  __u64 read_ns;  // when it was read last
};

// The words on top of the user's stack at a call: the C library's wrapper has no frame of its own,
// so that following frame pointers alone would pass over its caller.
enum raw_top_call { RAW_TOP_MADE, RAW_TOP_READ, RAW_TOP_MOVED };
struct raw_top_key {
  __u64 cookie;
  __u32 call;  // RAW_TOP_MADE, RAW_TOP_READ, or RAW_TOP_MOVED and Linux's number of the new state
  __u32 pad;
};
struct raw_top {
  __u64 words[24];
};

struct raw_event {
  __u64 at_ns;  // CLOCK_MONOTONIC
  __u64 cookie;
  __u64 in_state_ns;  // 0: not known
  __u32 netns;        // inode number
  __u32 uid;
  __u32 reason;  // RAW_RESET_SENT: sk_rst_reason
  __s32 error;   // sk_err
  __u32 hops;
  struct raw_owner owner;
  struct raw_owner running;  // whoever was on the processor
  __u8 local[16];            // IPv4 in the first four
  __u8 remote[16];
  __u16 local_port;  // host order; 0: none yet
  __u16 remote_port;
  __u8 family;
  __u8 kind;
  __u8 from;  // Linux's numbers
  __u8 to;
  __u8 flags;
  __u8 pad[7];
  __s32 call_stack;  // RAW_BY_CALL: that call's number in the map of stacks; < 0: none was kept
  __s32 made_stack;  // of the call that made or accepted it; likewise
};

// One record of the two iterators that are pinned for readers (state_clock.h).
struct raw_clock_record {
  __u64 cookie;
  __u32 netns;
  __u32 process_namespace;  // raw_constants: whose numbers the owner and the reader have
  struct raw_life life;
};

// One record of the iterator over all descriptors (task_files.h).
// Of a TCP socket: few bytes, as there is one for each of a hundred thousand.
struct raw_descriptor {
  __u32 inode;
  __u32 pid;
  __u32 fd;
  char command[16];
};

#ifdef __cplusplus
}  // namespace estab::observe::bpf
#endif
