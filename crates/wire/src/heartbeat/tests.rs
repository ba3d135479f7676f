use proptest::prelude::*;

use super::*;

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Fine,
        Verdict::Suspected,
        Verdict::Lost,
        Verdict::DaemonDown,
        Verdict::Left,
    ])
}

fn phases() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![Phase::Starting, Phase::Running, Phase::Leaving])
}

fn hearings() -> impl Strategy<Value = Hearing> {
    let numbers = (
        any::<(u64, [u8; 16], u64, u64)>(),
        any::<u16>(),
        0..=HOPS_MAX,
        any::<u8>(),
    );
    (numbers, verdicts()).prop_map(
        |(((node, boot, start, beat), age_millis, hops, networks), verdict)| Hearing {
            node: NodeId(node),
            boot: BootId(boot),
            incarnation: Incarnation(start),
            beat: Instant(beat),
            age_millis,
            hops,
            networks,
            verdict,
        },
    )
}

fn headers() -> impl Strategy<Value = Header> {
    let names = (any::<u64>(), any::<u64>(), any::<u64>(), any::<[u8; 16]>());
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), 0..NETWORKS_MAX);
    (names, numbers).prop_map(
        |((cluster, node, receiver, boot), (start, run, counter, link))| Header {
            cluster: ClusterTag(cluster),
            origin: Origin {
                node: NodeId(node),
                boot: BootId(boot),
                incarnation: Incarnation(start),
                run: RunId(run),
            },
            receiver: NodeId(receiver),
            link: LinkId(link),
            counter,
        },
    )
}

fn echoes() -> impl Strategy<Value = Option<Echo>> {
    prop::option::of((1..u64::MAX, any::<u64>(), any::<u32>()).prop_map(
        |(incarnation, sent_at, held)| Echo {
            incarnation: Incarnation(incarnation),
            sent_at: Instant(sent_at),
            held: Duration::from_micros(held.into()),
        },
    ))
}

pub(crate) fn heartbeats() -> impl Strategy<Value = Heartbeat> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>());
    let stall = (any::<u16>(), any::<u32>());
    let table = prop::collection::vec(hearings(), 0..=HEARING_MAX);
    (headers(), numbers, echoes(), stall, phases(), table).prop_map(
        |(header, (epoch, applied, sent_at, lease), echo, (count, millis), phase, hearing)| {
            Heartbeat {
                header,
                epoch: Epoch(epoch),
                applied,
                sent_at: Instant(sent_at),
                echo,
                stall: Stall { count, millis },
                lease: Duration::from_millis(lease.into()),
                phase,
                hearing,
            }
        },
    )
}

fn encode(heartbeat: &Heartbeat) -> Vec<u8> {
    let mut bytes = Vec::new();
    heartbeat.header.encode(&mut bytes);
    heartbeat.encode_body(&mut bytes);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Heartbeat, DecodeError> {
    let (header, body) = Header::decode(bytes)?;
    Heartbeat::decode_body(header, body)
}

proptest! {
    #[test]
    fn a_heartbeat_reads_back_as_written(heartbeat in heartbeats()) {
        let bytes = encode(&heartbeat);
        prop_assert!(bytes.len() + TAG_BYTES <= PACKET_MAX);
        prop_assert_eq!(decode(&bytes), Ok(heartbeat));
    }

    #[test]
    fn every_truncation_and_every_excess_is_an_error(heartbeat in heartbeats()) {
        let mut bytes = encode(&heartbeat);
        for end in 0..bytes.len() {
            prop_assert!(decode(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
        bytes.push(0);
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..PACKET_MAX + 9),
        well_begun in any::<bool>(),
    ) {
        let mut bytes = bytes;
        // Half of the cases get past the first checks, else nothing behind them is tried.
        if well_begun && 4 <= bytes.len() {
            bytes[..4].copy_from_slice(&[MAGIC[0], MAGIC[1], VERSION, 0]);
        }
        if let Ok(heartbeat) = decode(&bytes) {
            prop_assert_eq!(encode(&heartbeat).len(), bytes.len());
        }
    }
}

#[test]
fn another_version_is_named_in_the_error() {
    let mut bytes = encode(&Heartbeat::default());
    bytes[2] = 9;
    assert_eq!(decode(&bytes), Err(DecodeError::Version(9)));
    bytes[0] = b'x';
    assert_eq!(decode(&bytes), Err(DecodeError::Magic));
}

#[test]
fn the_longest_packet_passes_every_network() {
    let heartbeat = Heartbeat {
        hearing: vec![Hearing::default(); HEARING_MAX],
        ..Heartbeat::default()
    };
    assert_eq!(encode(&heartbeat).len() + TAG_BYTES, PACKET_MAX);
    assert_eq!(PACKET_MAX, 1400);
}
