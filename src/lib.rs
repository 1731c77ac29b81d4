//! Femtospike.
