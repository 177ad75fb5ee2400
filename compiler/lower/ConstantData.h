// ConstantData: globals and structures of the C world in the LLVM dialect.
// Relied on by ExportProgram.
#ifndef LNX_COMPILER_LOWER_CONSTANTDATA_H
#define LNX_COMPILER_LOWER_CONSTANTDATA_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::lnx {

/// Writes constant data: globals and structures that point at each other.
class ConstantData {
public:
  ConstantData(ModuleOp module, SymbolTable &symbols)
      : module(module), symbols(symbols), context(module.getContext()), b(context),
        pointer(LLVM::LLVMPointerType::get(context)) {}

  /// A structure as a list of fields, each an integer or the address of a symbol.
  struct Field {
    int64_t number = 0;
    unsigned bits = 64; ///< 0 for an address
    llvm::StringRef symbol;   ///< of an address; empty for null
  };
  static Field word(int64_t number) { return {number, 64, {}}; }
  static Field half(int64_t number) { return {number, 32, {}}; }
  static Field address(llvm::StringRef symbol) { return {0, 0, symbol}; }

  /// A NUL-terminated string; returns its symbol.
  llvm::StringRef text(llvm::StringRef value);
  llvm::StringRef numbers(llvm::ArrayRef<double> values);
  /// An array of structures with equal field kinds; one for a single structure.
  LLVM::GlobalOp structures(llvm::StringRef name, llvm::ArrayRef<llvm::SmallVector<Field>> rows, bool isArray);
  LLVM::GlobalOp bytes(llvm::StringRef name, llvm::StringRef value);
  /// Keeps a global that nothing refers to.
  void keep(llvm::StringRef symbol);

private:
  LLVM::GlobalOp create(llvm::StringRef name, Type type, Attribute value = {});
  Value build(OpBuilder &b, Type type, llvm::ArrayRef<Field> fields);

  ModuleOp module;
  SymbolTable &symbols;
  MLIRContext *context;
  OpBuilder b;
  Type pointer;
};

} // namespace mlir::lnx

#endif
