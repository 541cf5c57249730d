//! Classes: the sizes of circuits, and which scenes they have room for.

use std::fmt::{self, Display, Formatter};

/// How many things there are in a scene, or are places for in a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Room {
	/// Spheres.
	pub spheres: usize,
	/// Planes.
	pub planes: usize,
	/// Triangles.
	pub triangles: usize,
	/// Lights.
	pub lights: usize,
	/// Whether anything mirrors: rays are followed once more from where they are thrown back.
	pub mirrors: bool,
}

impl Room {
	/// Things that a ray can meet. They are numbered: spheres, then triangles, then planes.
	pub const fn things(&self) -> usize {
		self.spheres + self.triangles + self.planes
	}

	/// Whether there is a place for all of `needed`.
	pub fn holds(&self, needed: &Self) -> bool {
		needed.spheres <= self.spheres
			&& needed.planes <= self.planes
			&& needed.triangles <= self.triangles
			&& needed.lights <= self.lights
			&& needed.mirrors <= self.mirrors
	}

	/// The most of each that any class has a place for.
	pub fn most() -> Self {
		let none = Self {
			spheres: 0,
			planes: 0,
			triangles: 0,
			lights: 0,
			mirrors: false,
		};
		Class::all().fold(none, |most, Class { room, .. }| Self {
			spheres: most.spheres.max(room.spheres),
			planes: most.planes.max(room.planes),
			triangles: most.triangles.max(room.triangles),
			lights: most.lights.max(room.lights),
			mirrors: most.mirrors | room.mirrors,
		})
	}
}

/// Such as `4 spheres, 1 plane, 1 light, with mirrors`.
impl Display for Room {
	fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
		let counts = [
			(self.spheres, "sphere"),
			(self.planes, "plane"),
			(self.triangles, "triangle"),
			(self.lights, "light"),
		];
		let mut parts: Vec<String> = (counts.into_iter())
			.filter(|(count, _)| *count > 0)
			.map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
			.collect();
		if parts.is_empty() {
			parts.push("nothing".into());
		}
		if self.mirrors {
			parts.push("with mirrors".into());
		}
		f.write_str(&parts.join(", "))
	}
}

/// The size of a circuit, which has room for every tile of that side with at most so many things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
	/// Pixels in a row, and rows.
	pub side: usize,
	/// Places.
	pub room: Room,
}

/// A few spheres on a plane.
const PLAIN: Room = Room {
	spheres: 4,
	planes: 1,
	triangles: 0,
	lights: 1,
	mirrors: false,
};

impl Class {
	/// All classes: of those with a side in common, the cheaper first.
	pub fn all() -> impl Iterator<Item = Self> {
		let large = Room {
			spheres: 8,
			lights: 2,
			..PLAIN
		};
		let glossy = Room {
			mirrors: true,
			..PLAIN
		};
		let cornered = Room {
			planes: 3,
			triangles: 4,
			..PLAIN
		};
		let whole = Room {
			mirrors: true,
			..cornered
		};
		[
			(PLAIN, &[16, 32, 64][..]),
			(large, &[16, 32]),
			(glossy, &[16, 32]),
			(cornered, &[16, 32]),
			(whole, &[16, 32]),
		]
		.into_iter()
		.flat_map(|(room, sides)| sides.iter().map(move |side| Self { side: *side, room }))
	}

	/// The cheapest class of a side that has room; `None` if none has.
	pub fn with_room(side: usize, needed: &Room) -> Option<Self> {
		Self::all().find(|class| class.side == side && class.room.holds(needed))
	}

	/// Which classes there are, for people.
	pub fn offers() -> String {
		let mut offers: Vec<(Room, Vec<String>)> = Vec::new();
		for Self { side, room } in Self::all() {
			let side = side.to_string();
			match offers.iter_mut().find(|(offered, _)| *offered == room) {
				Some((_, sides)) => sides.push(side),
				None => offers.push((room, vec![side])),
			}
		}
		let offers = offers.into_iter().map(|(room, sides)| {
			let sides = sides.join(" or ");
			format!("{room} (side {sides})")
		});
		offers.collect::<Vec<_>>().join("; ")
	}

	/// Such as `t64-s4-l1`, `t16-s4-p3-f4-l1-m`: side, spheres, planes if not one, triangles if any, lights, mirrors.
	pub fn name(&self) -> String {
		let Self { side, room } = self;
		let mut name = format!("t{side}-s{}", room.spheres);
		if room.planes != 1 {
			name += &format!("-p{}", room.planes);
		}
		if room.triangles > 0 {
			name += &format!("-f{}", room.triangles);
		}
		name += &format!("-l{}", room.lights);
		if room.mirrors {
			name += "-m";
		}
		name
	}
}
