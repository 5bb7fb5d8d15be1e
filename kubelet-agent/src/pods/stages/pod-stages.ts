import { containersStage, initContainersStage } from './container-stages.ts';
import { imagesStage } from './images-stage.ts';
import type { PodStage } from './pod-stage.ts';
import { sandboxStage } from './sandbox-stage.ts';
import { volumesStage } from './volumes-stage.ts';

/** In the order of set-up. Tear-down goes backwards, one stage at a time. */
export const podStages: readonly PodStage[] = [
  volumesStage,
  sandboxStage,
  imagesStage,
  initContainersStage,
  containersStage,
];
