//! (in the making)

