/** The shape `small`, run as its templates say. */
import { tryShape } from './tried-shape.ts';

tryShape('small');
