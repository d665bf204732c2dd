/**
 * The simulator finds bugs that were planted (docs/reliability.md): part 2 of 2. `npm run simulate -- --seeds 3000 --plant NAME` takes the
 * rare ones, too.
 */
import { announcementPlants } from './simulator/announcement-plants.ts';
import { findsPlants, part } from './simulator/finds-plants.ts';
import { newsPlants } from './simulator/news-plants.ts';
import { outboxPlants } from './simulator/outbox-plants.ts';
import { plants } from './simulator/plants.ts';
import { visitPlants } from './simulator/visit-plants.ts';

const others = [...announcementPlants, ...outboxPlants, ...newsPlants, ...visitPlants];
const ofOneDeployment = plants.filter((plant) => !others.includes(plant));

findsPlants('a cluster with a bug', part(ofOneDeployment, 2, 2), { isAlone: true });
