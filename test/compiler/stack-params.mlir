// RUN: lnx-opt %s -lnx-stack-params -split-input-file -verify-diagnostics | FileCheck %s

// Two repeats of one path are two rows; the second one's symbol ends in its first layer.
// CHECK: module attributes {lnx.context = 16 : i64, lnx.depth = 12 : i64, lnx.name = "two", lnx.vocabulary = 5 : i64}
// CHECK: lnx.parameter @E "E" layers 1 from 0 <normal, [2.000000e-02], [0.000000e+00]> : tensor<5x4xf32>
// CHECK: lnx.parameter @attn.W "attn.W" layers 3 from 1
// CHECK: lnx.parameter @attn.W.4 "attn.W" layers 9 from 4
// CHECK: func.func @logits(%[[T:.*]]: tensor<?xi32>) -> tensor<?x5xf32>
// CHECK: %[[E:.*]] = lnx.get @E : tensor<5x4xf32>
// CHECK: lnx.gather %[[E]], %[[T]]
// CHECK: lnx.repeat %[[L:.*]] first 1 count 3
// CHECK: lnx.get @attn.W at %[[L]] : tensor<4x4xf32>
// CHECK: lnx.repeat %[[L:.*]] first 4 count 9
// CHECK: lnx.get @attn.W.4 at %[[L]] : tensor<4x4xf32>
// CHECK: return %{{.*}} : tensor<?x5xf32>
lnx.model @two context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %a = lnx.repeat %l first 1 count 3 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.param "attn.W" <normal, [0.02], [0.0]> : tensor<4x4xf32>
    %y = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    lnx.yield %y : tensor<?x4xf32>
  }
  %b = lnx.repeat %l first 4 count 9 scope "" carries(%x = %a : tensor<?x4xf32>) {
    %W = lnx.param "attn.W" <normal, [0.02], [0.0]> : tensor<4x4xf32>
    %y = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    lnx.yield %y : tensor<?x4xf32>
  }
  %logits = lnx.matmul %b, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  lnx.return %logits : tensor<?x5xf32>
}

// -----

// The scope of a repeat comes first; a symbol never takes the name of an entry point.
// CHECK: lnx.parameter @grad.0 "grad" layers 1 from 0
// CHECK: lnx.parameter @decoder.W "decoder.W" layers 2 from 1
lnx.model @scoped context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "grad" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %a = lnx.repeat %l first 1 count 2 scope "decoder" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.param "W" <normal, [0.02], [0.0]> : tensor<4x4xf32>
    %y = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    lnx.yield %y : tensor<?x4xf32>
  }
  lnx.return %a : tensor<?x4xf32>
}

// -----

// Layer 3 of both repeats would have one name.
lnx.model @overlap context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %a = lnx.repeat %l first 1 count 3 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    // expected-note @below {{the first is here}}
    %b = lnx.param "b" <const, [0.0], [0.0]> : tensor<4xf32>
    %y = lnx.add %x, %b : tensor<?x4xf32>, tensor<4xf32>
    lnx.yield %y : tensor<?x4xf32>
  }
  %c = lnx.repeat %l first 3 count 3 scope "" carries(%x = %a : tensor<?x4xf32>) {
    // expected-error @below {{parameter 'b' of layer 3 is declared twice}}
    %b = lnx.param "b" <const, [0.0], [0.0]> : tensor<4xf32>
    %y = lnx.add %x, %b : tensor<?x4xf32>, tensor<4xf32>
    lnx.yield %y : tensor<?x4xf32>
  }
  lnx.return %c : tensor<?x4xf32>
}

// -----

lnx.model @twice context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  // expected-note @below {{the first is here}}
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  // expected-error @below {{parameter 'E' is declared twice}}
  %F = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  lnx.return %x : tensor<?x4xf32>
}

// -----

lnx.model @too_deep context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %a = lnx.repeat %l first 1 count 3 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %c = lnx.repeat %m first 1 count 3 scope "" carries(%y = %x : tensor<?x4xf32>) {
      // expected-error @below {{parameter 'b' is inside a repeat inside a repeat, one is the limit}}
      %b = lnx.param "b" <const, [0.0], [0.0]> : tensor<4xf32>
      %z = lnx.add %y, %b : tensor<?x4xf32>, tensor<4xf32>
      lnx.yield %z : tensor<?x4xf32>
    }
    lnx.yield %c : tensor<?x4xf32>
  }
  lnx.return %a : tensor<?x4xf32>
}

// -----

lnx.model @source context 16 {
  // expected-error @below {{a program has no input 'source', its logits depend on 'tokens' alone}}
  %t = lnx.input "source" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  lnx.return %x : tensor<?x4xf32>
}

// -----

// expected-note @below {{the first is here}}
lnx.model @one context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  lnx.return %x : tensor<?x4xf32>
}
// expected-error @below {{a program holds one model, this module has 2}}
lnx.model @two context 16 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  lnx.return %x : tensor<?x4xf32>
}

// -----

lnx.model @number context 16 {
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<f32>
  // expected-error @below {{a model returns a row of logits for each token, not 'tensor<f32>'}}
  lnx.return %E : tensor<f32>
}
