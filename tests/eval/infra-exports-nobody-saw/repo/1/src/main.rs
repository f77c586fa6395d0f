//! Takes orders for exports from the queue and puts the files where the customer wants them.

mod export;
mod queue;
mod target;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let queue = queue::Queue::open("exports")?;
    let target = target::Target::open()?;
    loop {
        for message in queue.receive()? {
            match export::Order::parse(&message.body).and_then(|order| target.put(&order)) {
                Ok(rows) => {
                    queue.delete(&message)?;
                    log(&format!("delivered message={} rows={rows}", message.id));
                }
                Err(error) => log(&format!("failed message={} error={error}", message.id)),
            }
        }
    }
}

fn log(text: &str) {
    println!("{} exporter {text}", queue::now());
}
