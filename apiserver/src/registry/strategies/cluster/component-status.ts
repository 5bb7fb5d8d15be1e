import type { ComponentStatus } from '@slipway/api/types';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';

/** Never stored: see `component-statuses.ts`. */
export const componentStatusStrategy: Strategy<ComponentStatus> = {
  resource: descriptorOf('', 'v1', 'componentstatuses'),
  deprecationWarning: 'v1 ComponentStatus is deprecated in v1.19+',
  validate: () => [],
};
