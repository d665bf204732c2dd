/** What routers count for Prometheus: their features declare the most of it. */
import { type Figure, figuresOf } from '../../lib/runtime/figures.ts';
import { catchUps } from './count-batch.ts';
import { features } from './features/index.ts';
import { announcementMessages } from './later/announcements.ts';
import { hookPosts } from './later/hooks.ts';
import { signIns } from './sasl/exchange.ts';

export const routerFigures: readonly Figure[] = [...[signIns, catchUps, hookPosts, announcementMessages], ...figuresOf(features)];
