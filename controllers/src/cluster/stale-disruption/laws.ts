import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { aPod } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { announcedDisruption, staleMs } from './plan.ts';

const { pods } = kinds;

export const staleDisruptionLaws: ControllerLaws = {
  controller: 'stale-disruption',
  primary: pods,
  start(server) {
    for (const name of ['a', 'b', 'c']) server.put(pods, aPod({ name, ready: true, node: 'n0' }));
  },
  moves: {
    ...podMoves,
    'a disruption is announced': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (!pod) return;
      const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
      const reason = dice % 5 === 0 ? 'TerminationByKubelet' : 'EvictionByEvictionAPI';
      const lastTransitionTime = formatTime(server.nowMs);
      const announced = { type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime };
      server.put(pods, { ...pod, status: { ...pod.status, conditions: [...others, announced] } });
    },
  },
  never({ before }, server) {
    const announced = announcedDisruption(before as Pod);
    if (!announced) return 'nothing was announced';
    const ageMs = server.nowMs - Date.parse(announced.lastTransitionTime ?? '');
    return ageMs < staleMs ? `it was announced ${ageMs} ms ago` : undefined;
  },
  atRest(server) {
    const stale = server.list(pods).find(announcedDisruption);
    return stale && `${keyOf(stale)} still announces a disruption`;
  },
};
