import { type PodStage, stageOf } from './pod-stage.ts';

/** Directories and files of the pod's volumes on the host, before they are mounted into containers. */
export const volumesStage: PodStage = {
  name: 'volumes',
  after: [],
  setUp: ({ observed }) => stageOf(observed.volumes === 'ready' ? [] : [{ step: 'setUpVolumes' }]),
  tearDown: ({ observed }) => stageOf(observed.volumesOnDisk ? [{ step: 'tearDownVolumes' }] : []),
};
