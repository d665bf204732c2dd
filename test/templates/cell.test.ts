/** The shape `cell`, run as its templates say. */
import { tryShape } from './tried-shape.ts';

tryShape('cell');
