import type { Score } from '../score.ts';

const mebibyte = 1024 * 1024;
/** Below the first bound an image is cheap to pull anyway; above the second more size makes no more difference. */
const bytesMin = 23 * mebibyte;
const bytesMaxPerContainer = 1000 * mebibyte;

export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  scale: 'asIs',
  score: (pod, nodes) => {
    if (!nodes.some((info) => info.images.size > 0)) return undefined;
    const bytesMax = bytesMaxPerContainer * Math.max(pod.images.length, 1);
    return nodes.map((info) => {
      const present = pod.images.reduce((sum, image) => sum + (info.images.get(image) ?? 0), 0);
      return (Math.max(Math.min(present, bytesMax) - bytesMin, 0) / (bytesMax - bytesMin)) * 100;
    });
  },
};
