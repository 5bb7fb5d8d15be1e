import { planContainers } from '../plan-containers.ts';
import type { PodStep } from '../pod-steps.ts';
import { type PodStage, stageDone } from './pod-stage.ts';

/** Images of the containers that are to start next. Always done: a container waits for its own image only. */
export const imagesStage: PodStage = {
  name: 'images',
  after: [],
  setUp: ({ pod, observed, nowMs }) => {
    const missing = planContainers(pod, observed, nowMs).starts.filter(
      ({ container, attempt }) => observed.images.get(container.spec.name)?.attempt !== attempt,
    );
    const steps = missing.map(
      ({ container, attempt }): PodStep => ({ step: 'ensureImage', container: container.spec.name, attempt }),
    );
    return { done: true, steps };
  },
  tearDown: () => stageDone,
};
