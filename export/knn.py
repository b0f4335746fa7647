"""v0"""
from export.graph import Graph, Value
import onnx

def sq(g, x, axis): return g.op("Squeeze", x, [axis])
def un(g, x, axis): return g.op("Unsqueeze", x, [axis])

def reference(g, raw, keep, query, sign, number, low, shrink, prior=None):
    """raw [N,F,M], keep [N,M]; query [B,F]"""
    nan = g.op("IsNaN", raw)
    x = g.op("Where", nan, 0.0, raw)
    ok = g.op("Cast", g.op("Not", nan), to=1)
    col = un(g, keep, 2)                       # N,M,1
    n = g.op("ReduceSum", keep, [1], keepdims=1)           # N,1
    nf3 = ok @ col
    nfs = g.op("Max", nf3, 1.0)
    mean = (x @ col) / nfs
    v = (x - mean) * ok
    a0 = g.op("Abs", v)
    s0 = (a0 @ col) / nfs
    om = ok / (a0 + (s0 * 0.1 + 1e-30))
    m = ((om * v) @ col) / g.op("Max", om @ col, 1e-30)
    y = (v - m) * ok
    s = g.op("Sqrt", g.op("Abs", y)) @ col / nfs
    s = s * s
    if prior is not None:
        n3 = un(g, n, 2)
        s = (s * n3 + prior * 4.0) / (n3 + 4.0)
    centre = mean + m
    const = g.op("Cast", g.op("LessOrEqual", s, g.op("Abs", centre) * 3e-7 + 1e-30), to=1)
    live = (1.0 - const) * number               # N,F,1
    a = live * sign / (s + const)
    z = y * a
    q3 = un(g, query, 2)
    qnan = g.op("IsNaN", q3)
    qok = g.op("Cast", g.op("Not", qnan), to=1)
    q0 = g.op("Clip", g.op("Where", qnan, 0.0, q3), -1e37, 1e37)
    zq = g.op("Clip", (q0 - centre) * a, -1e15, 1e15)
    # leave-one-out
    h2 = 0.05
    c = g.op("Clip", z, -6.0, 6.0)
    ones = g.op("ConstantOfShape", g.op("Concat", [1], g.op("Shape", query, start=1, end=2), axis=0), value=onnx.numpy_helper.from_array(__import__("numpy").ones(1,"float32")))
    nn = ones @ (c * c)                        # N,1,M
    one = nn * 0.0 + 1.0
    A = g.op("Transpose", g.op("Concat", c * -2.0, nn, one, axis=1), perm=[0, 2, 1])
    Bm = g.op("Concat", c, one, nn + h2, axis=1)
    K = 1.0 / g.op("Max", A @ Bm, h2 * 0.5)
    S = g.op("Max", sq(g, K @ col, 2) - keep * (1 / h2), 0.0) + 1.0     # N,M
    T = g.op("Sqrt", 1.0 / S)
    n1 = g.op("Max", n, 1.0)
    cal = g.op("Max", g.op("ReduceSum", T * keep, [1], keepdims=1) / n1, 1e-6)
    # query
    d = g.op("Max", zq - z, low)
    d = d * qok
    d2 = d * d
    D = g.op("Squeeze", ones @ d2, [1])                           # B,M
    k = keep / (D + h2)
    Sq = g.op("ReduceSum", k, [1], keepdims=1)
    Sq = g.op("Max", Sq, 1e-37)
    t = g.op("Sqrt", 1.0 / Sq) / cal
    # novelty
    eq = g.op("Cast", g.op("Equal", raw, q3), to=1) @ col
    count = qok * (eq * (1.0 - live) + nf3 * live) + (1.0 - qok) * (un(g, n, 2) - nf3)
    n3 = un(g, n1, 2)
    same = g.op("Min", g.op("Max", n3, 1.0), 5.0)
    nov = g.op("Max", 1.0 - count / same, 0.0)
    side = g.op("Cast", g.op("GreaterOrEqual", (q0 - centre) * sign * (0.0 - low0(g, low)), 0.0), to=1) if False else None
    nov = nov * (n3 * 8.0 / (n3 + 8.0))
    N = g.op("ReduceSum", sq(g, nov, 2), [1], keepdims=1)
    # attribution
    w = k / Sq
    w = w * w
    gf = d2 @ un(g, w, 2)
    tot = g.op("ReduceSum", gf, [1], keepdims=1)
    share = gf / (tot + 1e-30) * un(g, t, 2) + nov
    return t + N, sq(g, share, 2), n, s

def build():
    g = Graph("knn")
    query = g.input("query", "BF"); window = g.input("window", "BRF"); wmask = g.input("window_mask", "BR"); wlabel = g.input("window_label", "BR")
    peers = g.input("peers", "PF"); pmask = g.input("peers_mask", "P"); plabel = g.input("peers_label", "P")
    category = g.input("category", "F"); direction = g.input("direction", "F")
    number = 1.0 - un(g, category, 1)
    dr = un(g, direction, 1)
    ab = g.op("Abs", dr)
    sign = 1.0 - (ab - dr)                    # -1 for direction -1 else 1 (ab-dr = 2)
    low = (ab - 1.0) * 1e18 
    wk = wmask * (1.0 - g.op("Relu", wlabel))
    pk = un(g, pmask * (1.0 - g.op("Relu", plabel)), 0)
    up, sp, k, scale = reference(g, un(g, g.op("Transpose", peers, perm=[1, 0]), 0), pk, query, sign, number, low, 0)
    uw, sw, n, _ = reference(g, g.op("Transpose", window, perm=[0, 2, 1]), wk, query, sign, number, low, 4, scale)
    k = g.op("Min", k, 8.0)
    tot = n + k
    none = g.op("Cast", g.op("Equal", tot, 0.0), to=1)
    u = (uw * n + up * k + none) / (tot + none)
    r = g.op("Sqrt", g.op("Sqrt", u))
    score = 1.0 - 1.0 / (1.0 + r)
    g.output("score", sq(g, score, 1), ["B"])
    share = sw * n + sp * k
    F = g.op("Cast", g.op("Shape", query, start=1, end=2), to=1)
    st = g.op("ReduceSum", share, [1], keepdims=1)
    z = g.op("Cast", g.op("LessOrEqual", st, 1e-30), to=1)
    g.output("attribution", (share + z / F) / (st + z * 1.0) , "BF")
    return g.model()

RECIPE = {"kind": "knn"}
SOURCES = ()
