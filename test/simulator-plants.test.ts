/** The simulator finds bugs that were planted (docs/reliability.md). `npm run simulate -- --seeds 3000 --plant NAME` takes the rare ones, too. */
import { findsPlants } from './simulator/finds-plants.ts';
import { outboxPlants } from './simulator/outbox-plants.ts';
import { plants } from './simulator/plants.ts';

findsPlants(
  'a cluster with a bug',
  plants.filter((plant) => !outboxPlants.includes(plant)),
  { isAlone: true },
);
