// SPDX-License-Identifier: Apache-2.0
// The passes of the rnn family, one file per kind of cell; what the Views mean stands in core/ops.h.
#pragma once

#include "core/params.h"
#include "core/view.h"

namespace tilewright::cpu {

void lstm_forward(const View& y, const View& h_last, const View& c_last, const View& gates, const View& cells,
                  const View& x, const View& w, const View& u, const View& b, const View& h0, const View& c0,
                  const View& mask, const RnnParams& params, Stream stream);
void lstm_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                   const View& dc0, const View& dgates, const View& dy, const View& dh_last,
                   const View& dc_last, const View& x, const View& w, const View& u, const View& h0,
                   const View& c0, const View& mask, const View& y, const View& gates, const View& cells,
                   const RnnParams& params, Stream stream);

void gru_forward(const View& y, const View& h_last, const View& gates, const View& x, const View& w,
                 const View& u, const View& b, const View& h0, const View& mask, const RnnParams& params,
                 Stream stream);
void gru_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                  const View& dgates, const View& dy, const View& dh_last, const View& x, const View& w,
                  const View& u, const View& h0, const View& mask, const View& y, const View& gates,
                  const RnnParams& params, Stream stream);

void simple_rnn_forward(const View& y, const View& h_last, const View& x, const View& w, const View& u,
                        const View& b, const View& h0, const View& mask, const RnnParams& params,
                        Stream stream);
void simple_rnn_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                         const View& dgates, const View& dy, const View& dh_last, const View& x,
                         const View& w, const View& u, const View& h0, const View& mask, const View& y,
                         const RnnParams& params, Stream stream);

}  // namespace tilewright::cpu
