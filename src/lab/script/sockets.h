// The descriptors of a script and what the stack has in their places.
#pragma once
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include "lab/script/conversation.h"

namespace estab::lab {

// A system call of the script went otherwise than it says: the text follows "runtime error in NAME
// call: ".
struct CallFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Sockets {
 public:
  // The conversation that packets of the script belong to: the youngest.
  Conversation* under_test() {
    return conversations_.empty() ? nullptr : conversations_.back().get();
  }
  Conversation& make();
  // An open socket of the script; nullptr: it has no such descriptor, or it is none of a socket.
  Conversation* find(int script_fd);
  // The youngest that came in by `remote`'s port and that no accept() has returned yet.
  Conversation* unaccepted(Port remote);

  // Throws CallFailure: no such descriptor is open.
  int live_fd(int script_fd);
  // A descriptor that is no socket (epoll). Throws when the script has it already.
  void add_other(int script_fd, int live_fd);
  void refuse_duplicate(int script_fd);
  void closed(int script_fd);

 private:
  std::vector<std::unique_ptr<Conversation>> conversations_;
  std::map<int, int> others_;
};

}  // namespace estab::lab
