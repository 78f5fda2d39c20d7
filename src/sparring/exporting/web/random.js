// The random numbers of Sparring in a browser, so that a seed gives the image that `sparring sample --seed` gives.
// A stream of numbers is named; the seed of PyTorch's generator is a hash of seed and name (core/random_streams.py).

// BLAKE2b with a digest of 8 bytes (RFC 7693), for texts of at most 128 bytes: one block.
const BLAKE_START = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const BLAKE_ORDER = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

function hashOfText(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 128) throw new Error("the name of a stream is at most 128 bytes long");
  const block = new Uint8Array(128);
  block.set(bytes);
  const words = new BigUint64Array(block.buffer);
  const mask = 0xffffffffffffffffn;
  const turned = (value, by) => ((value >> by) | (value << (64n - by))) & mask;
  const state = BLAKE_START.slice();
  state[0] ^= 0x01010000n ^ 8n;
  const v = [...state, ...BLAKE_START];
  v[12] ^= BigInt(bytes.length);
  v[14] ^= mask;
  const mix = (a, b, c, d, x, y) => {
    v[a] = (v[a] + v[b] + x) & mask;
    v[d] = turned(v[d] ^ v[a], 32n);
    v[c] = (v[c] + v[d]) & mask;
    v[b] = turned(v[b] ^ v[c], 24n);
    v[a] = (v[a] + v[b] + y) & mask;
    v[d] = turned(v[d] ^ v[a], 16n);
    v[c] = (v[c] + v[d]) & mask;
    v[b] = turned(v[b] ^ v[c], 63n);
  };
  for (let round = 0; round < 12; round++) {
    const order = BLAKE_ORDER[round % 10];
    for (let i = 0; i < 4; i++) mix(i, 4 + i, 8 + i, 12 + i, words[order[2 * i]], words[order[2 * i + 1]]);
    for (let i = 0; i < 4; i++) {
      mix(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4), words[order[8 + 2 * i]], words[order[9 + 2 * i]]);
    }
  }
  return (state[0] ^ v[0] ^ v[8]) >> 1n;
}

// Mersenne twister (Matsumoto and Nishimura 1998), as PyTorch seeds it: with the low 32 bits.
function twister(seed) {
  const state = new Uint32Array(624);
  state[0] = Number(seed & 0xffffffffn);
  for (let i = 1; i < 624; i++) {
    const before = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  let place = 624;
  return () => {
    if (place === 624) {
      for (let i = 0; i < 624; i++) {
        const joined = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
      }
      place = 0;
    }
    let y = state[place++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

// The latent of the first sample of a seed. kind: "normal" (Box and Muller, 16 numbers at a time, as PyTorch does) or "uniform" in [-1, 1).
function latentOfSeed(seed, count, kind) {
  const next = twister(hashOfText(`${seed}/sample/latent/0/0`));
  const numbers = new Float32Array(Math.ceil(count / 16) * 16);
  for (let i = 0; i < numbers.length; i++) numbers[i] = (next() & 0xffffff) / 0x1000000;
  if (kind === "uniform") return numbers.map((share) => 2 * share - 1).slice(0, count);
  for (let start = 0; start < numbers.length; start += 16) {
    for (let i = start; i < start + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - numbers[i])), angle = 2 * Math.PI * numbers[i + 8];
      numbers[i] = radius * Math.cos(angle);
      numbers[i + 8] = radius * Math.sin(angle);
    }
  }
  return numbers.slice(0, count);
}

// The error function to 1.2e-7 (Numerical Recipes, section 6.2), and its inverse by Newton's method from Winitzki's approximation.
function erf(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const terms = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const value = 1 - t * Math.exp(-x * x + terms.reduceRight((sum, term) => sum * t + term, 0));
  return x < 0 ? -value : value;
}

function inverseErf(y) {
  const logarithm = Math.log(1 - y * y), first = 2 / (Math.PI * 0.147) + logarithm / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(first * first - logarithm / 0.147) - first);
  for (let i = 0; i < 3; i++) x -= (erf(x) - y) / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));
  return x;
}

// What truncation makes of a latent: numbers keep their rank within the threshold, or all are scaled.
function truncatedLatent(latent, truncation, kind) {
  if (kind === "styles" || truncation === null) return latent;
  if (kind === "scale") return latent.map((value) => value * truncation);
  const share = erf(truncation / Math.SQRT2);
  return latent.map((value) => Math.SQRT2 * inverseErf(share * erf(value / Math.SQRT2)));
}
