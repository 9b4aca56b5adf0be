//! A program at work: real threads, led from one.

use std::alloc::Layout;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use bolero::bolero_engine::panic;

use crate::actor::{Actor, Common, Flow};
use crate::program::{Ending, Program, Raw};
use crate::shadow::Ranges;
use crate::subject::Subject;

/// Who works when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// One thread at a time, in the program's order.
    Turns,
    /// All threads at once, each in its own order.
    AtOnce,
}

/// What a program that went well did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Calls of the allocator: allocations, resizes, frees.
    pub calls: u64,
    /// Per thread, which of its requests got null.
    pub outcomes: Vec<Vec<bool>>,
}

/// What a thread is told to do.
#[derive(Debug)]
enum Command {
    Work(Vec<Raw>),
    Check,
    HandOver(usize),
    Clear,
}

/// What a thread says.
#[derive(Debug)]
enum Answer {
    Done,
    Ended(usize),
    Failed(String),
}

/// A thread that is led.
#[derive(Debug)]
struct Worker<S: Subject + 'static> {
    commands: Sender<Command>,
    thread: Option<JoinHandle<Box<Role<S>>>>,
}

/// What a thread needs to know; it goes from a thread that ends to the next one.
#[derive(Debug)]
struct Role<S: Subject + 'static> {
    actor: Actor<S>,
    commands: Receiver<Command>,
    answers: Sender<Answer>,
    /// The thread before has ended in the middle of a command.
    succeeds: bool,
}

impl<S: Subject> Role<S> {
    /// Serves until there are no more commands, or until the program says that this thread ends.
    fn serve(mut self: Box<Self>) -> Box<Self> {
        panic::forward_panic(false);
        loop {
            if !mem::take(&mut self.succeeds) {
                let Ok(command) = self.commands.recv() else { return self };
                if let Err(text) = attempt(|| self.obey(command)) {
                    self.fail(text);
                }
            }
            let mut flow = Flow::Done;
            match attempt(|| flow = self.actor.work()) {
                Err(text) => self.fail(text),
                Ok(()) if flow == Flow::End => {
                    self.succeeds = true;
                    self.answer(Answer::Ended(self.actor.me));
                    return self;
                }
                Ok(()) => self.answer(Answer::Done),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Work(steps) => self.actor.todo = steps.into(),
            Command::Check => self.actor.check(),
            Command::HandOver(to) => self.actor.hand_over(to),
            Command::Clear => self.actor.clear(),
        }
    }

    fn answer(&self, answer: Answer) {
        // Nobody listens any more when the run has failed.
        let _ = self.answers.send(answer);
    }

    /// Says what went wrong, and stays: after that the thread's exit could go wrong, too, and end
    /// the process before anybody has read the message.
    fn fail(&self, text: String) -> ! {
        self.answer(Answer::Failed(text));
        loop {
            thread::park();
        }
    }
}

/// Runs `work`. What it said when it panicked.
fn attempt(work: impl FnOnce()) -> Result<(), String> {
    let work = AssertUnwindSafe(|| {
        work();
        Ok(true)
    });
    panic::catch(work).map(drop).map_err(|error| error.to_string())
}

/// Leads the threads of one program.
#[derive(Debug)]
struct Leader<S: Subject + 'static> {
    subject: &'static S,
    workers: Vec<Worker<S>>,
    /// The leader itself, which only frees.
    own: Actor<S>,
    answers: Receiver<Answer>,
    ranges: Vec<Arc<Ranges>>,
}

/// A thread for `actor`.
fn start<S: Subject>(actor: Actor<S>, answers: Sender<Answer>) -> Worker<S> {
    let (commands_to, commands) = channel();
    let role = Box::new(Role { actor, commands, answers, succeeds: false });
    Worker { commands: commands_to, thread: Some(thread::spawn(|| role.serve())) }
}

impl<S: Subject + 'static> Leader<S> {
    fn new(subject: &'static S, program: &Program, schedule: Schedule) -> Self {
        let n = program.setup.threads;
        let (answers_to, answers) = channel();
        let common = Arc::new(Common::default());
        // One that all share would put the threads in line.
        let ranges: Vec<Arc<Ranges>> = match schedule {
            Schedule::Turns => vec![Arc::default(); n + 1],
            Schedule::AtOnce => (0..=n).map(|_| Arc::default()).collect(),
        };
        let (peers, mails): (Vec<_>, Vec<_>) = (0..=n).map(|_| channel()).unzip();
        let mut actors = mails.into_iter().zip(&ranges).enumerate().map(|(me, (mail, ranges))| {
            Actor::new(subject, me, Arc::clone(&common), Arc::clone(ranges), mail, peers.clone())
        });
        let workers =
            actors.by_ref().take(n).map(|actor| start(actor, answers_to.clone())).collect();
        let own = actors.next().expect("one more than there are threads");
        Self { subject, workers, own, answers, ranges }
    }

    fn tell(&self, who: usize, command: Command) {
        self.workers[who].commands.send(command).expect("threads stay");
    }

    /// Waits until `n` threads are done. A thread that ends has a successor.
    fn wait(&mut self, n: usize) {
        let mut done = 0;
        while done < n {
            match self.answers.recv().expect("threads answer") {
                Answer::Done => done += 1,
                Answer::Ended(who) => self.succeed(who),
                Answer::Failed(text) => self.give_up(text),
            }
        }
    }

    /// A new thread takes over from one that ends, and begins when that is gone, exit hook and
    /// all.
    fn succeed(&mut self, who: usize) {
        let worker = &mut self.workers[who];
        let before = worker.thread.take().expect("a thread has ended");
        let role = before.join().expect("a thread that fails does not end");
        worker.thread = Some(thread::spawn(|| role.serve()));
    }

    /// The program has failed. Whatever the threads are at, it is left as it is.
    fn give_up(&mut self, text: String) -> ! {
        mem::forget(mem::take(&mut self.workers));
        std::panic::resume_unwind(Box::new(text))
    }

    /// Does something that may panic.
    fn attempt(&mut self, work: impl FnOnce(&mut Self)) {
        if let Err(text) = attempt(|| work(self)) {
            self.give_up(text);
        }
    }

    /// All threads do it at once.
    fn all(&mut self, command: impl FnMut(usize) -> Command) {
        let n = self.workers.len();
        let commands: Vec<_> = (0..n).map(command).collect();
        for (who, command) in commands.into_iter().enumerate() {
            self.tell(who, command);
        }
        self.wait(n);
    }

    /// One thread after the other does it.
    fn each(&mut self, command: impl Fn(usize) -> Command) {
        for who in 0..self.workers.len() {
            self.tell(who, command(who));
            self.wait(1);
        }
    }

    fn work(&mut self, program: &Program, schedule: Schedule, audit: &dyn Fn(usize)) {
        let mut parts = vec![Vec::new(); self.workers.len()];
        for (who, steps) in program.bursts() {
            if schedule == Schedule::AtOnce {
                parts[who].extend_from_slice(steps);
                continue;
            }
            self.tell(who, Command::Work(steps.to_vec()));
            self.wait(1);
            self.attempt(|this| {
                this.subject.check();
                // All share one.
                audit(this.ranges[0].bytes());
            });
        }
        if schedule == Schedule::AtOnce {
            self.all(|who| Command::Work(mem::take(&mut parts[who])));
        }
    }

    /// Everything is right, in each thread and between them.
    fn check(&mut self, schedule: Schedule) {
        self.all(|_| Command::Check);
        if schedule == Schedule::AtOnce {
            self.attempt(|this| {
                let all = Ranges::default();
                this.ranges.iter().for_each(|ranges| all.join(ranges));
            });
        }
    }

    /// Frees everything.
    fn clear(&mut self, ending: Ending) {
        let n = self.workers.len();
        match ending {
            Ending::Own => {}
            Ending::Next => self.each(|who| Command::HandOver((who + 1) % n)),
            Ending::Leader => self.each(|_| Command::HandOver(n)),
        }
        self.attempt(|this| this.own.clear());
        // What others sent last comes first, so that nobody waits for it.
        self.all(|_| Command::Clear);
    }

    /// Ends the threads. Which of their requests got null.
    fn end_threads(&mut self) -> Vec<Vec<bool>> {
        let mut outcomes = Vec::new();
        for mut worker in self.workers.drain(..) {
            drop(worker.commands);
            let thread = worker.thread.take().expect("one a worker");
            let mut role = thread.join().expect("a thread that fails does not end");
            outcomes.push(mem::take(&mut role.actor.outcomes));
        }
        outcomes
    }
}

/// Has every heap of a thread that has ended looked after, by as many threads as there were.
fn settle(subject: &'static impl Subject, threads: usize) {
    let all_bound = Arc::new(Barrier::new(threads));
    let settlers: Vec<_> = (0..threads)
        .map(|_| {
            let all_bound = Arc::clone(&all_bound);
            thread::spawn(move || {
                let layout = Layout::new::<[u8; 100]>();
                let block = NonNull::new(subject.allocate(100, 1)).expect("there is memory");
                all_bound.wait();
                // SAFETY: a live block of this layout.
                unsafe { subject.deallocate(block, layout, true) };
                subject.trim();
            })
        })
        .collect();
    for settler in settlers {
        settler.join().expect("a heap that cannot be looked after");
    }
}

/// Has `subject` do `program`. Panics when anything is not as it must be; then the threads stay as
/// they are, and the allocator is of no use any more.
pub fn run<S: Subject>(subject: &'static S, program: &Program, schedule: Schedule) -> Done {
    run_audited(subject, program, schedule, &|_| {})
}

/// The same; when it is another thread's turn, and nobody is in the allocator, `audit` is told how
/// many bytes are live.
pub fn run_audited<S: Subject>(
    subject: &'static S,
    program: &Program,
    schedule: Schedule,
    audit: &dyn Fn(usize),
) -> Done {
    let mut leader = Leader::new(subject, program, schedule);
    let common = Arc::clone(&leader.own.common);
    leader.work(program, schedule, audit);
    subject.refuse(0, false);
    leader.check(schedule);
    leader.clear(program.setup.ending);
    let outcomes = leader.end_threads();
    drop(leader);
    if subject.leaves_heaps() {
        settle(subject, program.setup.threads);
    }
    subject.trim();
    subject.check_empty();
    // Relaxed: all threads were joined.
    Done { calls: common.calls.load(Ordering::Relaxed), outcomes }
}
