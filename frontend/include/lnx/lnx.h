// lnx.h: everything: models as values, verdicts, sessions that compile in memory.
//
//   const Def rms("rms", [](Expr x) {
//     Expr g = param("g", {dim(x)}, ones());
//     return g * x / sqrt(mean(x * x) + 1e-5);
//   });
//   ModelBuilder builder;
//   builder.model("mine", prelude::gpt2(arg("block", prelude::peri_ln), arg("norm", rms),
//                                       arg("depth", 2), arg("width", 32), arg("heads", 2)));
//   Result<Model> model = builder.build();
//   Result<Session> session = Session::create(*model, {.batch = 1, .time = 8});
#ifndef LNX_LNX_H
#define LNX_LNX_H

#include "lnx/builtins.h"
#include "lnx/def.h"
#include "lnx/dtype.h"
#include "lnx/expr.h"
#include "lnx/machine.h"
#include "lnx/model.h"
#include "lnx/monitor.h"
#include "lnx/plan.h"
#include "lnx/result.h"
#include "lnx/runtime.h"

#endif
