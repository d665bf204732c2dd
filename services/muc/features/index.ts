/** The features of rooms. Adding one: its file, one line here, its test (docs/contributing.md). */
import type { RoomFeature } from '../core/room-feature.ts';
import { archive } from './xep0313-archive.ts';
import { hats } from './xep0317-hats.ts';
import { selfPing } from './xep0410-self-ping.ts';
import { orderBy } from './xep0413-order-by.ts';
import { retraction } from './xep0424-retraction.ts';
import { moderation } from './xep0425-moderation.ts';
import { fullTextSearch } from './xep0431-full-text-search.ts';
import { search } from './xep0433-search.ts';
import { affiliationVersions } from './xep0463-affiliation-versions.ts';
import { avatar } from './xep0486-avatar.ts';
import { slowMode } from './xep0500-slow-mode.ts';
import { activity } from './xep0502-activity.ts';
import { spaces } from './xep0503-spaces.ts';

export const features: readonly RoomFeature[] = [
  archive,
  fullTextSearch,
  hats,
  selfPing,
  orderBy,
  retraction,
  moderation,
  search,
  affiliationVersions,
  avatar,
  slowMode,
  activity,
  spaces,
];
