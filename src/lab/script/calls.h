// System calls of a script: their arguments evaluated, the call itself, and what is compared after.
#pragma once
#include <functional>
#include <string>

#include "lab/script/ast.h"
#include "lab/script/settings.h"
#include "lab/script/sockets.h"

namespace estab::lab {

struct CallContext {
  const ScriptSettings& settings;
  Sockets& sockets;
};

struct PreparedCall {
  // In any thread; it has what it needs by itself.
  std::function<long()> run;
  // The result is a new descriptor: whatever number is as good as the script's.
  bool returns_descriptor = false;
  // After result and errno were compared: throws CallFailure. `result` is the live one. May be
  // empty.
  std::function<void(long result)> check;
};

// Why a script with this call cannot be run here; "" when it can. An unknown call is no reason: it
// is an error when its time comes.
std::string why_not_supported(const CallSpec& call);

// Throws CallFailure.
PreparedCall prepare_call(const CallSpec& call, CallContext& context);

// Throws CallFailure when result or errno are not the script's.
void check_result(const CallSpec& call, const PreparedCall& prepared, long result, int error);

}  // namespace estab::lab
