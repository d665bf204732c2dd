/** All that the parts of the program declare for Prometheus, of all services: a process shows those of the others without a line. */
import { type Count, figuresOf } from '../../../lib/runtime/counts.ts';
import { trafficFigures } from '../../../lib/runtime/traffic.ts';
import { streamFeatures } from '../../connection/features/index.ts';
import { features as roomFeatures } from '../../muc/features/index.ts';
import { routerFigures } from '../../router/figures.ts';

export const figures: readonly Count[] = [
  ...trafficFigures,
  ...routerFigures,
  ...figuresOf([...streamFeatures, ...roomFeatures]),
];
