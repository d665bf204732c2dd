/** The simulator finds bugs that were planted in what goes to other servers (docs/reliability.md). */
import { findsPlants } from './simulator/finds-plants.ts';
import { outboxPlants } from './simulator/outbox-plants.ts';

findsPlants('a cluster with a bug in what goes to other servers', outboxPlants);
