// Plays the rows of a test, each a name and an asynchronous function that throws where the row fails. Prints a line of
// TAP for each, without its number, which .ci/tap.sh gives it; then the process ends.
'use strict';

async function holds(prefix, [name, run]) {
    try {
        await run();
        console.log(`ok - ${prefix}${name}`);
        return true;
    } catch (error) {
        console.log(`not ok - ${prefix}${name}`);
        console.log(`# ${String(error.stack).replace(/\n/g, '\n# ')}`);
        return false;
    }
}

async function play(prefix, rows) {
    let failures = 0;
    for (const row of rows)
        failures += await holds(prefix, row) ? 0 : 1;
    process.exit(failures === 0 ? 0 : 1);
}

async function playAtOnce(prefix, rows) {
    const held = await Promise.all(rows.map((row) => holds(prefix, row)));
    process.exit(held.every(Boolean) ? 0 : 1);
}

module.exports = { play, playAtOnce };
