#include "observe/bpf/task_files.h"

#include <cerrno>
#include <cstring>

#include "observe/bpf/object.h"
#include "observe/bpf/raw_event.h"
#include "observe/linux/namespaces.h"

namespace estab::observe::bpf {

tl::expected<std::vector<OwnerRow>, std::string> task_files() {
  auto object = open_object(task_files_object(), "estab_files");
  if (!object) return tl::unexpected(object.error());
  if (auto* numbers_of =
          static_cast<std::uint32_t*>(section(object->get(), ".rodata", sizeof(std::uint32_t)))) {
    *numbers_of = own_process_namespace();
  }
  if (auto loaded = load_object(object->get()); !loaded) return tl::unexpected(loaded.error());
  LinkPtr link(bpf_program__attach_iter(program(object->get(), "each_descriptor"), nullptr));
  if (link == nullptr) return tl::unexpected(refusal(errno, "attach a BPF iterator"));
  const auto bytes = run_iterator(link.get());
  if (!bytes) return tl::unexpected(bytes.error());
  std::vector<OwnerRow> rows;
  rows.reserve(bytes->size() / sizeof(raw_descriptor));
  for (std::size_t at = 0; at + sizeof(raw_descriptor) <= bytes->size();
       at += sizeof(raw_descriptor)) {
    raw_descriptor row;
    std::memcpy(&row, bytes->data() + at, sizeof row);
    rows.push_back(
        {row.pid, row.fd, std::string(row.command, strnlen(row.command, 16)), row.inode});
  }
  return rows;
}

}  // namespace estab::observe::bpf
