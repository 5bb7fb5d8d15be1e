import { currentSandbox } from '../observed-pod.ts';
import type { PodStep } from '../pod-steps.ts';
import { type PodStage, stageDone, stageOf } from './pod-stage.ts';

/**
 * The pod's namespaces and its network. A sandbox that died takes its containers with it; the next attempt is made
 * when nothing of it runs any more.
 */
export const sandboxStage: PodStage = {
  name: 'sandbox',
  after: [],
  setUp: ({ observed }) => {
    if (currentSandbox(observed)) return stageDone;
    const dead = observed.sandboxes[0];
    const running = observed.containers.filter(({ state }) => state === 'running' || state === 'unknown');
    if (running.length > 0) {
      return stageOf(observed.sandboxes.map(({ id }): PodStep => ({ step: 'stopSandbox', sandboxId: id })));
    }
    return stageOf([{ step: 'createSandbox', attempt: dead ? dead.attempt + 1 : 0 }]);
  },
  tearDown: ({ observed }) => {
    const ready = observed.sandboxes.filter(({ state }) => state === 'ready');
    return stageOf(ready.map(({ id }): PodStep => ({ step: 'stopSandbox', sandboxId: id })));
  },
};
