/** The simulator finds bugs that were planted (docs/reliability.md) in how an announcement is told. */
import { announcementPlants } from './simulator/announcement-plants.ts';
import { findsPlants } from './simulator/finds-plants.ts';

findsPlants('announcements with a bug', announcementPlants, { isAlone: true, isAnnounced: true });
