//! Where a RUN may be cut.
