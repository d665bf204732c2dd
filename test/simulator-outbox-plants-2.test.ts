/** The simulator finds bugs that were planted in what goes to other servers (docs/reliability.md): part 2 of 3. */
import { findsPlants, part } from './simulator/finds-plants.ts';
import { outboxPlants } from './simulator/outbox-plants.ts';

findsPlants('a cluster with a bug in what goes to other servers', part(outboxPlants, 2, 3));
