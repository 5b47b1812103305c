//! Types of ComfyUI's ports as types of a melody.

/// The type of a melody's port. What only ComfyUI's nodes understand (`MODEL`, `LATENT`, …) is `any`.
pub(super) fn of(ty: &str) -> String {
    let mut members: Vec<&str> = Vec::new();
    for part in ty.split(',') {
        let member = match part.trim() {
            "INT" => "int",
            "FLOAT" => "float",
            "BOOLEAN" => "bool",
            "STRING" | "COMBO" => "text",
            "IMAGE" | "MASK" => "artifact<image/*>",
            "AUDIO" => "artifact<audio/*>",
            "VIDEO" => "artifact<video/*>",
            "MESH" => "artifact<model/*>",
            _ => return "any".to_owned(),
        };
        if !members.contains(&member) {
            members.push(member);
        }
    }
    members.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_ecs_core::types::PortType;

    #[test]
    fn types_are_those_of_melodies() {
        for (theirs, ours) in [
            ("IMAGE", "artifact<image/*>"),
            ("FLOAT,INT,BOOLEAN", "float|int|bool"),
            ("IMAGE,MASK", "artifact<image/*>"),
            ("*", "any"),
            ("INT,LATENT", "any"),
            ("", "any"),
        ] {
            assert_eq!(of(theirs), ours);
            PortType::parse(&of(theirs)).unwrap();
        }
    }
}
