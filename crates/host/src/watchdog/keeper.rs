//! The thread that feeds, as long as it has somebody's word.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Instant;

use super::Watchdog;
use crate::clock;
use crate::heartbeat::privilege;
use crate::heartbeat::{Memory, Scheduling};

/// It is fed so many times within its bound: one feeding may be late by three quarters of it
/// before the machine suffers.
const FEEDS_PER_BOUND: u32 = 8;
/// However long the bound, a new word is acted on within this time.
const FEED_EVERY_MAX: Duration = Duration::from_secs(1);
/// A feeding is a system call. One that ends so long after the word was over has perhaps
/// prolonged the life of the machine by a whole bound, which nobody counts on.
const OVERDUE: Duration = Duration::from_millis(100);

/// What the keeper has to tell.
#[derive(Debug)]
pub enum News {
    /// The watchdog is armed and bites so long after the last food.
    Armed(Duration),
    /// It could not be armed.
    NotArmed(io::Error),
    /// The word was over before it could be opened: it was left as it is.
    TooLate,
    /// It could not be fed; tried again soon.
    NotFed(io::Error),
    /// It was fed too late by the clock, and bites now.
    Overdue,
    /// It sleeps, or could not be sent to sleep.
    Disarmed(io::Result<()>),
}

type Tell = Box<dyn Fn(News) + Send>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Feed while the word holds.
    Feed,
    /// Disarm, and end.
    Disarm,
    /// Bite, and end.
    Bite,
    /// End, and leave it armed.
    Leave,
}

#[derive(Debug)]
struct Word {
    until: Instant,
    wish: Wish,
}

#[derive(Debug)]
struct Shared {
    word: Mutex<Word>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Word> {
        // The word is two plain values; whoever panicked left both whole.
        self.word.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Arms a watchdog and feeds it on a thread of its own.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
}

impl Keeper {
    /// Begins: the watchdog is armed and fed until then, and `tell` hears how that went, and
    /// of whatever goes wrong later. It is called on the thread, and must not block. Opening
    /// feeds, so what is over by then is not opened.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        device: PathBuf,
        timeout: Duration,
        until: Instant,
        tell: Tell,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            word: Mutex::new(Word {
                until,
                wish: Wish::Feed,
            }),
            changed: Condvar::new(),
        });
        let heard = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                privilege::acquire(Scheduling::RealTime, Memory::Locked);
                if heard.lock().until <= clock::now() {
                    return tell(News::TooLate);
                }
                match Watchdog::arm(&device, timeout) {
                    Ok(dog) => feed(dog, &heard, &tell),
                    Err(error) => tell(News::NotArmed(error)),
                }
            })?;
        Ok(Self { shared })
    }

    /// It may be fed until then, and not later. Each call replaces the word before.
    pub fn feed_until(&self, until: Instant) {
        self.shared.lock().until = until;
    }

    /// Sends it to sleep; the end is told.
    pub fn disarm(self) {
        self.end(Wish::Disarm);
    }

    /// Makes it bite as soon as it can.
    pub fn bite(&self) {
        self.end(Wish::Bite);
    }

    fn end(&self, wish: Wish) {
        let mut word = self.shared.lock();
        if word.wish == Wish::Feed {
            word.wish = wish;
        }
        drop(word);
        self.shared.changed.notify_all();
    }
}

/// Without a keeper it is not fed any more, and stays armed.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.end(Wish::Leave);
    }
}

fn feed(mut dog: Watchdog, shared: &Shared, tell: &Tell) {
    let every = (dog.bound() / FEEDS_PER_BOUND).min(FEED_EVERY_MAX);
    if shared.lock().until + OVERDUE < clock::now() {
        // It was opened after the word was over: that fed it once too often.
        tell(News::Overdue);
        return bite(&mut dog, tell);
    }
    tell(News::Armed(dog.bound()));
    loop {
        let (until, wish) = {
            let word = shared.lock();
            (word.until, word.wish)
        };
        match wish {
            Wish::Feed => {}
            Wish::Disarm => return tell(News::Disarmed(dog.disarm())),
            Wish::Leave => return,
            Wish::Bite => return bite(&mut dog, tell),
        }
        if clock::now() < until {
            if let Err(error) = dog.feed() {
                tell(News::NotFed(error));
            } else if until + OVERDUE < clock::now() {
                tell(News::Overdue);
                return bite(&mut dog, tell);
            }
        }
        let word = shared.lock();
        let waits = |word: &mut Word| word.wish == Wish::Feed;
        // Whether it was woken or the time is over, it looks again.
        drop(shared.changed.wait_timeout_while(word, every, waits));
    }
}

fn bite(dog: &mut Watchdog, tell: &Tell) {
    if let Err(error) = dog.bite() {
        tell(News::NotFed(error));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::mpsc;

    use super::*;

    /// Longer than any wait here on a loaded machine.
    const LIMIT: Duration = Duration::from_secs(10);

    /// Plays the dog: takes the time-out and answers it.
    fn dog(
        seconds: &str,
    ) -> (
        tempfile::TempDir,
        Keeper,
        BufReader<UnixStream>,
        mpsc::Receiver<News>,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dog");
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, news) = mpsc::channel();
        let tell = move |one| sender.send(one).unwrap();
        let until = clock::now() + LIMIT;
        let keeper = Keeper::start(path, Duration::from_secs(3), until, Box::new(tell)).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut stream = BufReader::new(stream);
        assert_eq!(line(&mut stream), "timeout 3");
        writeln!(stream.get_mut(), "timeout {seconds}").unwrap();
        (dir, keeper, stream, news)
    }

    fn line(stream: &mut BufReader<UnixStream>) -> String {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    /// The first that is no food.
    fn word(stream: &mut BufReader<UnixStream>) -> String {
        loop {
            let line = line(stream);
            if line != "feed" {
                return line;
            }
        }
    }

    #[test]
    fn the_bound_is_what_the_device_says_and_not_what_it_was_asked_for() {
        let (_dir, _keeper, _stream, news) = dog("4");
        let News::Armed(bound) = news.recv_timeout(LIMIT).unwrap() else {
            panic!("not armed");
        };
        assert_eq!(bound, Duration::from_secs(4));
    }

    #[test]
    fn it_is_fed_on_somebodys_word_and_starves_when_that_is_over() {
        let (_dir, keeper, mut stream, _news) = dog("1");
        let until = clock::now() + Duration::from_millis(600);
        keeper.feed_until(until);
        assert_eq!(line(&mut stream), "feed");
        // Nobody renews the word. The last food came before its end, and then none for
        // longer than the dog would have waited.
        stream
            .get_ref()
            .set_read_timeout(Some(Duration::from_millis(1000)))
            .unwrap();
        let mut last = String::new();
        while stream.read_line(&mut last).is_ok_and(|count| 0 < count) {}
        assert!(last.lines().all(|line| line == "feed"), "{last}");
        assert!(until + Duration::from_millis(900) <= clock::now());
        // A new word feeds it again.
        stream.get_ref().set_read_timeout(Some(LIMIT)).unwrap();
        keeper.feed_until(clock::now() + LIMIT);
        assert_eq!(line(&mut stream), "feed");
    }

    #[test]
    fn it_is_disarmed_by_the_magic_letter_only_when_asked() {
        let (_dir, keeper, mut stream, news) = dog("100");
        keeper.disarm();
        assert_eq!(word(&mut stream), "V");
        let told: Vec<_> = news.iter().collect();
        assert!(
            matches!(told.last(), Some(News::Disarmed(Ok(())))),
            "{told:?}"
        );

        let (_dir, keeper, mut stream, _news) = dog("100");
        drop(keeper);
        assert_eq!(word(&mut stream), "", "closed without a word");
    }

    #[test]
    fn it_bites_when_it_is_told_to() {
        let (_dir, keeper, mut stream, _news) = dog("100");
        keeper.bite();
        assert_eq!(word(&mut stream), "bite");
    }

    #[test]
    fn a_watchdog_that_is_not_there_is_told() {
        let (sender, news) = mpsc::channel();
        let tell = move |one| sender.send(one).unwrap();
        let path = PathBuf::from("/nowhere/watchdog");
        let until = clock::now() + LIMIT;
        let _keeper = Keeper::start(path, LIMIT, until, Box::new(tell)).unwrap();
        assert!(matches!(
            news.recv_timeout(LIMIT).unwrap(),
            News::NotArmed(_)
        ));
    }

    #[test]
    fn a_watchdog_is_not_opened_on_a_word_that_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dog");
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (sender, news) = mpsc::channel();
        let tell = move |one| sender.send(one).unwrap();
        let until = clock::now();
        let _keeper = Keeper::start(path, LIMIT, until, Box::new(tell)).unwrap();
        assert!(matches!(news.recv_timeout(LIMIT).unwrap(), News::TooLate));
        let opened = listener.accept().map(|_| ());
        assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_watchdog_that_was_opened_too_late_bites() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dog");
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, news) = mpsc::channel();
        let tell = move |one| sender.send(one).unwrap();
        let until = clock::now() + LIMIT;
        let keeper = Keeper::start(path, LIMIT, until, Box::new(tell)).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut stream = BufReader::new(stream);
        assert_eq!(line(&mut stream), "timeout 10");
        // While it is being opened the lease ends.
        keeper.feed_until(Instant::ZERO);
        writeln!(stream.get_mut(), "timeout 10").unwrap();
        assert_eq!(line(&mut stream), "bite");
        assert!(matches!(news.recv_timeout(LIMIT).unwrap(), News::Overdue));
    }
}
