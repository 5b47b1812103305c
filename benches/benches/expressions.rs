//! Conditions: reading an expression and evaluating it.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use symphony_ecs_core::expr::{Expr, Names};
use symphony_ecs_core::value::Value;

struct Review(Value);

impl Names for Review {
    fn get(&self, name: &str) -> Option<Value> {
        (name == "review").then(|| self.0.clone())
    }
}

fn expressions(c: &mut Criterion) {
    let findings = Value::list((0..100).map(Value::Int).collect());
    let review = Value::map([("score", Value::Float(0.7)), ("verdict", Value::text("good")), ("findings", findings)]);
    let names = Review(review);
    let mut group = c.benchmark_group("expression");
    for (name, text) in [
        ("comparison", "review.score > 0.5"),
        ("two_fields", "review.score > 0.5 && review.verdict == 'good'"),
        ("over_100_items", "review.findings.exists(finding, finding > 98)"),
    ] {
        let expr = Expr::parse(text).expect("the expression is right");
        assert_eq!(expr.eval(&names), Ok(Value::Bool(true)), "{text}");
        group.bench_function(format!("parse_{name}"), |b| b.iter(|| Expr::parse(black_box(text))));
        group.bench_function(format!("eval_{name}"), |b| b.iter(|| expr.eval(black_box(&names))));
    }
}

criterion_group!(benches, expressions);
criterion_main!(benches);
