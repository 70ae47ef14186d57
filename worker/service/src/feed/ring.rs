//! The newest events, shared by all readers of a process.

use std::{collections::VecDeque, sync::Arc};

use syncline_entity::event;

use super::{cloud::cloud_event, names::Names};

/// The most events that are kept in memory, and the most bytes of their texts.
const EVENTS: usize = 4_096;
const BYTES: usize = 4 << 20;

/// An event as readers get it.
#[derive(Debug)]
pub struct Delivery {
    /// The position in the feed; 0 for what is passed on and not kept, such as `run.progressed`.
    pub seq: i64,
    /// For example `run.completed`.
    pub kind: String,
    pub project: Option<i64>,
    rooms: String,
    /// The CloudEvent, as JSON.
    pub text: String,
}

impl Delivery {
    pub(super) fn of(row: event::Model, names: &Names) -> Delivery {
        let text = cloud_event(&row, names).to_string();
        Delivery { seq: row.seq, kind: row.kind, project: row.project_id, rooms: row.rooms, text }
    }

    /// True if it is about what this room names.
    pub(super) fn is_in(&self, room: &str) -> bool {
        self.rooms.split(' ').any(|own| own == room)
    }
}

#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<Arc<Delivery>>,
    bytes: usize,
    /// Every event after this position that the relay has come to is here.
    floor: i64,
}

impl Ring {
    pub(super) fn at(floor: i64) -> Ring {
        Ring { events: VecDeque::new(), bytes: 0, floor }
    }

    pub(super) fn push(&mut self, delivery: Delivery) {
        self.bytes += delivery.text.len();
        self.events.push_back(Arc::new(delivery));
        while self.events.len() > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.text.len();
            self.floor = oldest.seq;
        }
    }

    /// The events after a position, at most `most`; none if some of them are not here any more.
    pub(super) fn after(&self, position: i64, most: usize) -> Option<Vec<Arc<Delivery>>> {
        if position < self.floor {
            return None;
        }
        let first = self.events.partition_point(|event| event.seq <= position);
        Some(self.events.range(first..).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(seq: i64, bytes: usize) -> Delivery {
        let text = "x".repeat(bytes);
        Delivery { seq, kind: String::new(), project: None, rooms: String::new(), text }
    }

    fn seqs(ring: &Ring, position: i64, most: usize) -> Option<Vec<i64>> {
        Some(ring.after(position, most)?.iter().map(|event| event.seq).collect())
    }

    #[test]
    fn a_position_that_has_left_the_ring_is_told() {
        let mut ring = Ring::at(10);
        assert_eq!(seqs(&ring, 10, 9), Some(vec![]));
        assert_eq!(seqs(&ring, 9, 9), None);
        // A position that was passed over is as good as any other.
        for seq in [11, 13, 14] {
            ring.push(delivery(seq, 1));
        }
        assert_eq!(seqs(&ring, 10, 2), Some(vec![11, 13]));
        assert_eq!(seqs(&ring, 12, 9), Some(vec![13, 14]));
        assert_eq!(seqs(&ring, 14, 9), Some(vec![]));
        for seq in 15..15 + EVENTS as i64 {
            ring.push(delivery(seq, 1));
        }
        assert_eq!((ring.floor, ring.events.len(), ring.bytes), (14, EVENTS, EVENTS));
        assert_eq!(seqs(&ring, 13, 1), None);
        assert_eq!(seqs(&ring, 14, 1), Some(vec![15]));
    }

    #[test]
    fn large_events_leave_earlier() {
        let mut ring = Ring::at(0);
        for seq in 1..=10 {
            ring.push(delivery(seq, 1 << 20));
        }
        assert_eq!((ring.events.len(), ring.floor), (4, 6));
    }
}
