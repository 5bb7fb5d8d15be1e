import { type ContestScore, scoreMax } from '../cycle/score.ts';

const mebibyte = 1024 * 1024;
/** Below the first bound an image is cheap to pull anyway; above the second more size makes no more difference. */
const bytesMin = 23 * mebibyte;
const bytesMaxPerContainer = 1000 * mebibyte;

/** Nodes that have the images already. An image counts by the part of the nodes that has it, so that pods do not heap up on one. */
export const imageLocality: ContestScore = {
  name: 'ImageLocality',
  isLocal: false,
  score: ({ pod, cluster, feasible }, out) => {
    if (cluster.nodesWithImages === 0) return false;
    const { images } = pod.demand;
    const columns = images.map((image) => cluster.indexes.image(image)).filter(({ nodeCount }) => nodeCount > 0);
    if (columns.length === 0) return false;
    const bytesMax = bytesMaxPerContainer * images.length;
    const worths = columns.map(({ sizeBytes, nodeCount }) =>
      Math.floor((sizeBytes * nodeCount) / cluster.nodes.length),
    );
    for (const [i, { slot }] of feasible.entries()) {
      let bytes = 0;
      for (const [j, { present }] of columns.entries()) if (present[slot] === 1) bytes += worths[j] ?? 0;
      const within = Math.min(Math.max(bytes, bytesMin), bytesMax);
      out[i] = Math.floor((scoreMax * (within - bytesMin)) / (bytesMax - bytesMin));
    }
    return true;
  },
};
