#[derive(Debug, Default)] pub struct Mock;
