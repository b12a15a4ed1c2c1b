/// tmp
pub struct Rewrite;
/// tmp
pub fn rewrites() -> Vec<Rewrite> {
    vec![]
}
