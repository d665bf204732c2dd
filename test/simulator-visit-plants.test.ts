/** The simulator finds bugs that were planted (docs/reliability.md) in how guests and invites are bounded. */
import { findsPlants } from './simulator/finds-plants.ts';
import { visitPlants } from './simulator/visit-plants.ts';

findsPlants('a tenant that is visited, with a bug', visitPlants, { isAlone: true, isVisited: true });
