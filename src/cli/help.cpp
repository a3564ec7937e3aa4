#include "cli/help.h"

namespace estab::cli {
namespace {

constexpr std::size_t kNames = 26;   // columns of the options' names
constexpr std::size_t kWidth = 100;  // of the whole

// Broken into lines; CLI11 puts them below each other.
std::string wrapped(const std::string& text) {
  std::string out;
  std::size_t column = kNames + 2;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = text.find_first_of(" \n", at);
    if (end == text.npos) end = text.size();
    if (column + (end - at) > kWidth && column > kNames + 2) {
      out += "\n";
      column = kNames + 2;
    } else if (column > kNames + 2) {
      out += ' ';
      ++column;
    }
    out.append(text, at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out;
}

}  // namespace

HelpFormatter::HelpFormatter() { column_width(kNames + 2); }

// What stands before the first full stop or line's end.
std::string HelpFormatter::make_subcommand(const CLI::App* verb) const {
  std::string text = verb->get_description();
  text = text.substr(0, text.find(".\n"));
  text = text.substr(0, text.find(". "));
  const std::string& name = verb->get_name();
  return "  " + name + std::string(kNames - name.size(), ' ') + wrapped(text) + "\n";
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string type = option->get_type_name();
  std::string text = option->get_type_size() == 0 || type.empty() ? "" : " " + type;
  // Validators add their ranges, which the errors name: here they are noise.
  text = text.substr(0, text.find(':'));
  return text;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return wrapped(option->get_description());
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string text = "Usage: " + name;
  if (!app->get_options([](const CLI::Option* o) { return !o->get_positional(); }).empty()) {
    text += " [OPTIONS]";
  }
  for (const CLI::Option* o :
       app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const std::string word = o->get_name();
    text += o->get_required() ? " " + word : " [" + word + "]";
  }
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty()) text += " VERB";
  return text + "\n";
}

}  // namespace estab::cli
