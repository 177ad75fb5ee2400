// Parser: what a PTX file may contain, and the words for what it may not.
// An error names the line; nothing unknown is skipped.
#include "emulator/Probe.h"

#include "emulator/Parser.h"

using namespace emulator;

namespace {

std::string errorOf(const std::string &body) {
  GlobalMemory memory;
  return load(std::string(Header) +
                  ".visible .entry k(.param .u64 p)\n{\n.reg .b32 %r<4>;\n.reg .b64 "
                  "%d<4>;\n.reg .pred %p<4>;\n" +
                  body + "\n}\n",
              memory)
      .error;
}

TEST(Parser, ReadsDirectives) {
  Parsed parsed = parse(R"(.version 8.3
.target sm_90a, debug
.address_size 64
.extern .shared .align 1024 .b8 smem[];
.global .align 8 .b8 name[4] = {1, 2, 0xff};
.visible .entry k(
	.param .u64 .ptr .global .align 16 k_param_0,
	.param .align 64 .b8 map[128]
)
.maxntid 384, 1, 1
.minnctapersm 1
.maxnreg 168
{
	.reg .pred 	%p<2>;
	.reg .f32 x, y;
	.pragma "nounroll";
	.loc	1 2 3, function_name $L__info, inlined_at 1 4 5
$L__BB0_1: // a label
	{ .reg .b32 x; mov.b32 x, -1; }
	@!%p1 bra.uni $L__BB0_1;
	ret;
})");
  ASSERT_EQ(parsed.error, "");
  const Program &p = parsed.program;
  EXPECT_EQ(p.version, 83u);
  EXPECT_EQ(p.target, "sm_90a");
  ASSERT_EQ(p.variables.size(), 2u);
  EXPECT_TRUE(p.variables[0].external);
  EXPECT_EQ(p.variables[1].data, (std::vector<uint8_t>{1, 2, 255}));
  ASSERT_EQ(p.entries.size(), 1u);
  const Entry &e = p.entries[0];
  EXPECT_EQ(e.maxThreads, (std::array<uint32_t, 3>{384, 1, 1}));
  EXPECT_EQ(e.maxRegisters, 168u);
  EXPECT_EQ(e.parameters[1].bytes, 128u);
  EXPECT_EQ(e.parameters[1].alignment, 64u);
  EXPECT_EQ(e.scopes.size(), 2u);
  EXPECT_EQ(e.statements.size(), 3u);
  EXPECT_TRUE(e.statements[1].guardNegated);
}

TEST(Parser, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(errorOf("add.u32 %r1, %r2, %r3;"), "");
  EXPECT_EQ(
      errorOf("frobnicate.u32 %r1;"),
      "line 9: 'frobnicate.u32': is not emulated: add it to a unit of the emulator, or do not "
      "emit it");
  EXPECT_EQ(errorOf("add.rz.u32 %r1, %r2, %r3;"),
            "line 9: 'add.rz.u32': modifier '.rz' is not emulated here");
  EXPECT_EQ(errorOf("add.u32 %r1, %r9, %r3;"), "line 9: 'add.u32': '%r9' is not declared");
  EXPECT_EQ(errorOf("add.u32 %r1, %d1, %r3;"),
            "line 9: 'add.u32': register '%d1' has 64 bits, expected 32");
  EXPECT_EQ(errorOf("add.u32 %r1, %r2;"), "line 9: 'add.u32': has 2 operands, expected 3");
  EXPECT_EQ(errorOf("bra NOWHERE;"), "line 9: 'bra': label 'NOWHERE' is not declared");
  EXPECT_EQ(errorOf("@%r1 bra X;\nX:"), "line 9: 'bra': '%r1' is no predicate");
  EXPECT_EQ(errorOf(".local .b8 depot[8];"),
            "line 9: local memory is not emulated: a kernel of ours has no spills and no stack");
  EXPECT_EQ(errorOf("add.u32 %r1 %r2;"), "line 9: expected ';', found '%r2'");
  EXPECT_EQ(errorOf("ld.global.v2.u32 {%r1}, [%d1];"),
            "line 9: 'ld.global.v2.u32': the vector has 1 elements, expected 2");
}

TEST(Parser, NamesWhatAModuleMayNotHold) {
  GlobalMemory memory;
  EXPECT_EQ(load("", memory).error, "line 1: a PTX file begins with .version");
  EXPECT_EQ(load(std::string(Header) + ".func f() {}", memory).error,
            "line 4: device functions are not emulated: inline them");
  EXPECT_EQ(load(std::string(Header) + ".visible .entry k() { ret;", memory).error,
            "line 4: the text ends inside kernel 'k'");
  EXPECT_EQ(load(std::string(Header) + "#", memory).error, "line 4: unexpected character '#'");
  GlobalMemory small(16);
  EXPECT_EQ(load(std::string(Header) + ".global .b8 big[64];", small).error,
            "line 4: no memory for 'big'");
}

// Registers and labels of an inner block are its own: inline assembly relies on it.
TEST(Parser, ScopesHideNames) {
  EXPECT_EQ(
      probe<uint32_t>("{ .reg .b32 x; mov.b32 x, 5; { .reg .b32 x; mov.b32 x, 6; bra D; D: }\n"
                      "{ .reg .b32 y; bra D; D: mov.b32 y, 1; add.u32 x, x, y; }\n"
                      "add.u32 $d, $a, x; }",
                      std::vector<uint32_t>{1, 2}),
      (std::vector<uint32_t>{7, 8}));
}

} // namespace
