// Numbers known when compiling: exact while they can be, honest about it when they cannot.
#include "frontend/Number.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lnx::spec;

namespace {
Scalar over(int64_t a, int64_t b) { return Scalar::fraction(a, b); }

// Values that agree for all layers are one value again: they become constants, not tables.
TEST(Number, LayersCollapse) {
  const Number l(std::vector<Scalar>{1, 2, 3});
  EXPECT_FALSE(l.isUniform());
  const auto subtract = [](const auto &a, const auto &b) { return a - b; };
  const Number zero = Number::map(l, l, subtract, subtract);
  EXPECT_TRUE(zero.isUniform());
  EXPECT_TRUE(zero.front().isZero());
}

TEST(Number, FormatsForMessages) {
  EXPECT_EQ(format(over(8192, 3)), "2730.67");
  EXPECT_EQ(format(Scalar(1024)), "1024");
  EXPECT_EQ(format(1e-5), "1e-05");
}
} // namespace
