// The edit distance of two words (Levenshtein 1965): how many letters must be put in, taken out or
// replaced to make one of the other. For "did you mean" in messages. O(a * b) time.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace estab {

inline std::size_t text_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace estab
