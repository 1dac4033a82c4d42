//! Variable expansion and quote removal as BuildKit does them.
