// ExportProgram: the entry points and the one symbol that the runtime looks up.
// Runs last; reads the attributes that stack-params, lower-groups and plan-arena left, and writes
// the structures of lnx/abi.h field by field.
#include "compiler/Passes.h"
#include "compiler/lower/ConstantData.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/xxhash.h"

#include "lnx/abi.h"
#include <cstddef>

namespace mlir::lnx {
#define GEN_PASS_DEF_EXPORTPROGRAM
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

/// Functions of the module in the order of LNX_ENTRY_*.
static constexpr llvm::StringLiteral entryNames[LNX_ENTRY_COUNT] = {"grad",  "eval", "next", "norm",
                                                                    "adamw", "adam", "sgd"};

static_assert(sizeof(lnx_parameter) == 96 && sizeof(lnx_program) == 320,
              "the structures below are written for this layout");

static int64_t getInteger(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<IntegerAttr>(name);
  return attribute ? attribute.getInt() : 0;
}

static std::string getText(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<StringAttr>(name);
  return attribute ? attribute.str() : std::string();
}

/// Floats that the streams' sums take in the results of @grad.
static int64_t countObservations(ModuleOp module) {
  int64_t count = 0;
  if (auto table = module->getAttrOfType<ArrayAttr>("lnx.streams"))
    for (auto row : table.getAsRange<DenseI64ArrayAttr>())
      count += 3 * row[1] * row[3];
  return count;
}

namespace {

struct ExportProgram : lnx::impl::ExportProgramBase<ExportProgram> {
  using ExportProgramBase::ExportProgramBase;
  void runOnOperation() override;
};

} // namespace

//===-- entries ----------------------------------------------------------===//

namespace {

/// void lnx_entry_NAME(const lnx_call *): loads the call's fields and hands them to the entry.
class EntryWrapper {
public:
  EntryWrapper(ModuleOp module, func::FuncOp entry)
      : module(module), entry(entry), b(module.getContext()), loc(entry.getLoc()),
        converter(module.getContext()), pointer(LLVM::LLVMPointerType::get(module.getContext())) {}
  LLVM::LLVMFuncOp create(SymbolTable &symbols);

private:
  Value load(size_t offset, Type type);
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(value));
  }
  Value toIndex(Value value) { return arith::IndexCastOp::create(b, loc, b.getIndexType(), value); }
  Value scratchBytes(Value rows);
  /// The pointer at `offset` of the call as a buffer of `size` elements: argument `number`.
  Value buffer(size_t offset, unsigned number, Value size);

  ModuleOp module;
  func::FuncOp entry;
  OpBuilder b;
  Location loc;
  LLVMTypeConverter converter;
  Type pointer;
  Value call;
};

} // namespace

Value EntryWrapper::load(size_t offset, Type type) {
  Value address = LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), call,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
  return LLVM::LoadOp::create(b, loc, type, address);
}

Value EntryWrapper::buffer(size_t offset, unsigned number, Value size) {
  Type type = entry.getArgumentTypes()[number];
  Value value = LLVM::PoisonOp::create(b, loc, converter.convertType(type));
  auto set = [&](Value part, ArrayRef<int64_t> position) {
    value = LLVM::InsertValueOp::create(b, loc, value, part, position);
  };
  Value address = load(offset, pointer);
  set(address, {0});
  set(address, {1});
  set(constant(0), {2});
  set(size, {3, 0});
  set(constant(1), {4, 0});
  return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}

/// bytes_per_row * rows rounded up to 16 + fixed, as lnx/abi.h defines it.
Value EntryWrapper::scratchBytes(Value rows) {
  Value rounded = LLVM::AddOp::create(b, loc, rows, constant(15));
  rounded = LLVM::AndOp::create(b, loc, rounded, constant(-16));
  Value bytes = LLVM::MulOp::create(b, loc, rounded,
                                    constant(getInteger(entry, "lnx.scratch_bytes_per_row")));
  return LLVM::AddOp::create(b, loc, bytes, constant(getInteger(entry, "lnx.scratch_fixed_bytes")));
}

LLVM::LLVMFuncOp EntryWrapper::create(SymbolTable &symbols) {
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()), {pointer});
  auto wrapper = LLVM::LLVMFuncOp::create(b, loc, ("lnx_entry_" + entry.getName()).str(), type);
  wrapper.setLinkage(LLVM::Linkage::Internal);
  symbols.insert(wrapper, module.getBody()->end());
  Block *block = wrapper.addEntryBlock(b);
  b.setInsertionPointToEnd(block);
  call = block->getArgument(0);
  Value batch = load(offsetof(lnx_call, batch), b.getI64Type());
  Value time = load(offsetof(lnx_call, time), b.getI64Type());
  Value rows = LLVM::MulOp::create(b, loc, batch, time);
  int64_t stateBytes = 4 * 4 * getInteger(module, "lnx.state_floats");
  int64_t results = entry.getName() == "next"   ? getInteger(module, "lnx.vocabulary")
                    : entry.getName() == "grad" ? 1 + countObservations(module)
                                                : 1;
  SmallVector<Value> arguments = {
      load(offsetof(lnx_call, runtime), pointer),
      buffer(offsetof(lnx_call, state), 1, constant(stateBytes)),
      buffer(offsetof(lnx_call, scratch), 2, scratchBytes(rows)),
      buffer(offsetof(lnx_call, tokens), 3, rows),
      buffer(offsetof(lnx_call, targets), 4, rows),
      toIndex(batch),
      toIndex(time),
      buffer(offsetof(lnx_call, arguments), 7, constant(LNX_ARGUMENT_COUNT)),
      buffer(offsetof(lnx_call, results), 8, constant(results))};
  func::CallOp::create(b, loc, entry, arguments);
  LLVM::ReturnOp::create(b, loc, ValueRange());
  return wrapper;
}

//===-- the program ------------------------------------------------------===//

static int64_t initCode(StringRef kind) {
  if (kind == "normal")
    return LNX_INIT_NORMAL;
  if (kind == "uniform")
    return LNX_INIT_UNIFORM;
  return kind == "identity" ? LNX_INIT_IDENTITY : LNX_INIT_CONST;
}

/// The fields of one lnx_parameter.
static SmallVector<ConstantData::Field> parameterFields(ConstantData &data, DictionaryAttr row) {
  using D = ConstantData;
  auto integer = [&](StringRef name) { return row.getAs<IntegerAttr>(name).getInt(); };
  int64_t layers = integer("layers");
  auto table = [&](StringRef name) {
    ArrayRef<double> values = row.getAs<DenseF64ArrayAttr>(name).asArrayRef();
    SmallVector<double> perLayer(values);
    if (values.size() == 1)
      perLayer.assign(layers, values[0]);
    return D::address(data.numbers(perLayer));
  };
  ArrayRef<int64_t> sizes = row.getAs<DenseI64ArrayAttr>("shape").asArrayRef();
  SmallVector<int64_t, 4> shape(sizes);
  shape.resize(4, 1);
  return {D::address(data.text(row.getAs<StringAttr>("path").getValue())),
          D::word(integer("offset")),
          D::word(integer("first_layer")),
          D::word(layers),
          D::word(shape[0]),
          D::word(shape[1]),
          D::word(shape[2]),
          D::word(shape[3]),
          D::half(static_cast<int64_t>(sizes.size())),
          D::half(initCode(row.getAs<StringAttr>("init").getValue())),
          table("a"),
          table("b"),
          D::half(row.getAs<BoolAttr>("decay").getValue()),
          D::half(0)};
}

/// The table of lnx_stream: one row of four numbers for each.
static void appendStreams(ConstantData &data, ModuleOp module,
                          SmallVectorImpl<ConstantData::Field> &program) {
  using D = ConstantData;
  SmallVector<SmallVector<D::Field>> rows;
  if (auto table = module->getAttrOfType<ArrayAttr>("lnx.streams"))
    for (auto row : table.getAsRange<DenseI64ArrayAttr>())
      rows.push_back(llvm::map_to_vector(row.asArrayRef(), D::word));
  StringRef symbol;
  if (!rows.empty())
    symbol = data.structures("lnx_streams", rows, /*isArray=*/true).getName();
  program.append({D::word(static_cast<int64_t>(rows.size())), D::address(symbol),
                  D::word(countObservations(module))});
}

/// The kernels and their code, as lnx-emit-ptx left them.
static void appendDeviceCode(ConstantData &data, ModuleOp module,
                             SmallVectorImpl<ConstantData::Field> &program) {
  using D = ConstantData;
  SmallVector<SmallVector<D::Field>> rows;
  if (auto table = module->getAttrOfType<ArrayAttr>("lnx.kernels"))
    for (auto kernel : table.getAsRange<DictionaryAttr>())
      rows.push_back({D::address(data.text(kernel.getAs<StringAttr>("name").getValue())),
                      D::word(kernel.getAs<IntegerAttr>("threads").getInt())});
  StringRef code, kernels;
  if (auto text = module->getAttrOfType<StringAttr>("lnx.device_code"))
    code = data.text(text.getValue());
  if (!rows.empty())
    kernels = data.structures("lnx_kernels", rows, /*isArray=*/true).getName();
  program.append(
      {D::address(code), D::word(static_cast<int64_t>(rows.size())), D::address(kernels)});
}

/// The notes that the loader reads before it maps any code: ABI version and CPU, and room for the
/// checksum that is known once the file is linked.
static void writeNote(ConstantData &data, StringRef cpu) {
  std::string note;
  auto word = [&](uint32_t value) { note.append(reinterpret_cast<const char *>(&value), 4); };
  word(4);
  word(static_cast<uint32_t>(4 + cpu.size() + 1));
  word(LNX_NOTE_PROGRAM);
  note.append("lnx\0", 4);
  word(LNX_ABI_VERSION);
  note.append(cpu.data(), cpu.size());
  note.push_back('\0');
  note.resize((note.size() + 3) / 4 * 4, '\0');
  word(4);
  word(sizeof(uint64_t));
  word(LNX_NOTE_CHECKSUM);
  note.append("lnx\0", 4);
  note.append(sizeof(uint64_t), '\0');
  LLVM::GlobalOp global = data.bytes("lnx_note", note);
  global.setSection(".note.lnx");
  global.setAlignment(4);
  data.keep(global.getName());
}

void ExportProgram::runOnOperation() {
  using D = ConstantData;
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  D data(module, symbols);
  SmallVector<D::Field> entries, bytesPerRow, fixedBytes;
  for (StringRef name : entryNames) {
    auto entry = symbols.lookup<func::FuncOp>(name);
    entries.push_back(
        D::address(entry ? EntryWrapper(module, entry).create(symbols).getName() : StringRef()));
    bytesPerRow.push_back(D::word(entry ? getInteger(entry, "lnx.scratch_bytes_per_row") : 0));
    fixedBytes.push_back(D::word(entry ? getInteger(entry, "lnx.scratch_fixed_bytes") : 0));
  }
  SmallVector<SmallVector<D::Field>> parameters;
  if (auto table = module->getAttrOfType<ArrayAttr>("lnx.parameters"))
    for (auto row : table.getAsRange<DictionaryAttr>())
      parameters.push_back(parameterFields(data, row));
  StringRef parameterTable;
  if (!parameters.empty())
    parameterTable = data.structures("lnx_parameters", parameters, /*isArray=*/true).getName();
  std::string spec = getText(module, "lnx.spec");
  Operation *grad = symbols.lookup("grad");
  SmallVector<D::Field> program = {
      D::half(LNX_ABI_VERSION), D::half(static_cast<int64_t>(parameters.size())),
      D::address(parameterTable), D::word(getInteger(module, "lnx.state_floats")),
      D::word(getInteger(module, "lnx.decay_floats"))};
  llvm::append_range(program, entries);
  llvm::append_range(program, bytesPerRow);
  llvm::append_range(program, fixedBytes);
  program.append(
      {D::word(getInteger(module, "lnx.vocabulary")), D::word(getInteger(module, "lnx.context")),
       D::word(getInteger(module, "lnx.depth")),
       D::word(grad ? getInteger(grad, "lnx.flops_per_row") : 0),
       D::word(grad ? getInteger(grad, "lnx.flops_per_pair") : 0),
       D::address(data.text(getText(module, "lnx.name"))), D::address(data.text(spec)),
       D::word(static_cast<int64_t>(llvm::xxh3_64bits(spec))), D::address(data.text(cpu))});
  appendStreams(data, module, program);
  appendDeviceCode(data, module, program);
  LLVM::GlobalOp symbol = data.structures(LNX_PROGRAM_SYMBOL, {program}, /*isArray=*/false);
  symbol.setLinkage(LLVM::Linkage::External);
  writeNote(data, cpu);
}
