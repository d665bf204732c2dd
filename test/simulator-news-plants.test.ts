/** The simulator finds bugs that were planted (docs/reliability.md) in how the subscribers of a node are told. */
import { findsPlants } from './simulator/finds-plants.ts';
import { newsPlants } from './simulator/news-plants.ts';

findsPlants('a pubsub service with a bug', newsPlants);
