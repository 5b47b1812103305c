//! Whether tasks can be put in an order, and the circle if not.

use super::recorded::Task;

/// A circle of tasks by their places, if there is one.
pub(super) fn circle(tasks: &[Task]) -> Option<Vec<usize>> {
    const FRESH: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![FRESH; tasks.len()];
    for root in 0..tasks.len() {
        if state.get(root) != Some(&FRESH) {
            continue;
        }
        // Depth first over parents, without recursion: chains are long. `path` holds a task and its next parent.
        let mut path: Vec<(usize, usize)> = vec![(root, 0)];
        if let Some(mark) = state.get_mut(root) {
            *mark = OPEN;
        }
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let parent = tasks.get(at).and_then(|task| task.parents.get(*next)).map(|parent| *parent as usize);
            *next += 1;
            let Some(parent) = parent else {
                if let Some(mark) = state.get_mut(at) {
                    *mark = DONE;
                }
                path.pop();
                continue;
            };
            match state.get_mut(parent) {
                Some(mark) if *mark == FRESH => {
                    *mark = OPEN;
                    path.push((parent, 0));
                }
                Some(mark) if *mark == OPEN => {
                    let from = path.iter().position(|(at, _)| *at == parent).unwrap_or(0);
                    let mut circle: Vec<usize> = path.iter().skip(from).map(|(at, _)| *at).collect();
                    circle.reverse();
                    return Some(circle);
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(parents: &[&[u32]]) -> Vec<Task> {
        parents.iter().map(|parents| Task { parents: parents.to_vec(), ..Task::default() }).collect()
    }

    #[test]
    fn circles_are_found() {
        assert_eq!(circle(&tasks(&[&[], &[0], &[0, 1]])), None);
        assert_eq!(circle(&tasks(&[&[2], &[0], &[1]])), Some(vec![1, 2, 0]));
        assert_eq!(circle(&tasks(&[&[0]])), Some(vec![0]));
    }

    #[test]
    fn long_chains_need_no_stack() {
        let chain: Vec<Task> = (0..200_000u32)
            .map(|at| Task { parents: if at == 199_999 { vec![] } else { vec![at + 1] }, ..Task::default() })
            .collect();
        assert_eq!(circle(&chain), None);
    }
}
