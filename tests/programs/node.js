// Workers, buffers, streams, compression and sockets. The argument says how large.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const http = require('http');
const stream = require('stream/promises');
const { Readable } = require('stream');
const zlib = require('zlib');
const { spawnSync } = require('child_process');

const scale = Number(process.argv[2] || 1);
const digest = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function churn(seed, rounds) {
    let state = seed;
    const next = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
    const live = [];
    let sum = 0;
    for (let i = 0; i < rounds; i++) {
        const size = [16, 100, 1000, 9000, 70000, 300000][next(6)];
        const block = i % 2 ? Buffer.alloc(size) : Buffer.allocUnsafeSlow(size).fill(i);
        if (i % 2 && block.some((byte) => byte !== 0)) throw new Error('Buffer.alloc is not zero');
        sum += block.length + block[block.length - 1];
        live[next(64)] = block;
    }
    return sum;
}

if (!isMainThread) {
    const block = Buffer.from(workerData.block);
    const packed = zlib.deflateSync(block);
    const copy = new Uint8Array(packed).buffer;
    // The buffer changes its thread; whoever gets it frees it.
    parentPort.postMessage({ sum: churn(workerData.seed, 1500), copy }, [copy]);
} else {
    main();
}

function worker(seed) {
    return new Promise((resolve, reject) => {
        const block = new Uint8Array(200000).fill(seed).buffer;
        new Worker(__filename, { workerData: { seed, block }, transferList: [block] })
            .once('message', ({ sum, copy }) => resolve([sum, zlib.inflateSync(Buffer.from(copy)).length]))
            .once('error', reject);
    });
}

async function streams() {
    const chunks = Array.from({ length: 300 }, (_, i) => Buffer.alloc(5000 + i * 37, i));
    const out = [];
    await stream.pipeline(Readable.from(chunks), zlib.createGzip(), zlib.createGunzip(), async (source) => {
        for await (const chunk of source) out.push(chunk);
    });
    return digest(Buffer.concat(out));
}

async function server() {
    const listening = http.createServer((request, response) => request.pipe(response)).listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const url = `http://127.0.0.1:${listening.address().port}/`;
    const ask = async (i) => digest(Buffer.from(await (await fetch(url, { method: 'POST', body: 'y'.repeat(i * 1000) })).arrayBuffer()));
    const all = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(i)));
    listening.closeAllConnections();
    listening.close();
    return digest(all.join());
}

async function main() {
    for (let round = 0; round < scale; round++) {
        console.log(JSON.stringify(await Promise.all([1, 2, 3, 4, 5, 6].map(worker))));
        console.log(churn(99, 3000), await streams(), await server());
        const text = JSON.stringify(Array.from({ length: 20000 }, (_, i) => ({ i, s: 'x'.repeat(i % 50) })));
        console.log(digest(text), Object.keys(JSON.parse(text)).length);
        const keys = await Promise.all(Array.from({ length: 8 }, (_, i) => new Promise((resolve) =>
            crypto.pbkdf2('secret', `salt${i}`, 3000, 64, 'sha512', (_, key) => resolve(digest(key))))));
        console.log(keys.join());
        console.log(spawnSync(process.execPath, ['-e', 'console.log("child")']).stdout.toString().trim());
    }
}
