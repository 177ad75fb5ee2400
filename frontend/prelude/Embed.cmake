# Embed.cmake: writes Texts.h, the prelude's files as string literals.
# Called with -DOUT=file -DDIR=folder -DFILES=norms.lnx;layers.lnx;...
set(content "// Texts.h: written by Embed.cmake from frontend/prelude/*.lnx.\n#pragma once\n\n")
string(APPEND content "#include <string_view>\n\nnamespace lnx {\nstruct PreludeText {\n")
string(APPEND content "  const char *name;\n  std::string_view text;\n};\n")
string(APPEND content "inline constexpr PreludeText preludeTexts[] = {\n")
separate_arguments(FILES)
foreach(name ${FILES})
  file(READ ${DIR}/${name} text)
  string(APPEND content "    {\"${name}\", R\"prelude(${text})prelude\"},\n")
endforeach()
string(APPEND content "};\n} // namespace lnx\n")
file(WRITE ${OUT} "${content}")
