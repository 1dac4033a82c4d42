//! Builds the model from logical lines.
