import { kinds } from '@slipway/client/kinds';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { endpointSliceLaws } from '../endpoint-slice/laws.ts';

const { endpoints, services } = kinds;
const sliceMoves = Object.entries(endpointSliceLaws.moves);

export const endpointsLaws: ControllerLaws = {
  controller: 'endpoints',
  primary: services,
  children: [endpoints],
  start: endpointSliceLaws.start,
  moves: Object.fromEntries(sliceMoves),
  // The Endpoints of a service have its name, whoever made them.
  mayWrite: ({ kindId, before }, server) =>
    kindId === 'endpoints' && server.list(services).some(({ metadata }) => metadata.name === before?.metadata.name),
};
